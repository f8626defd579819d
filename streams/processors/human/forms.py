"""Forms: the JSON Schema that a definition gives a task, and whether somebody's data follows it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator, SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from schemas.payload import Json, Payload, UnreadablePayloadError


def fault_of_form(form: Json) -> str | None:
    """Why this cannot be the form of a task; None if it can."""
    try:
        if not isinstance(form, dict):
            raise SchemaError("not an object")
        Draft202012Validator.check_schema(form)
    except SchemaError:
        return "is no JSON Schema"
    return "refers to a schema elsewhere" if _refers_elsewhere(form) else None


def _refers_elsewhere(node: Any) -> bool:
    if isinstance(node, dict):
        target = node.get("$ref", "#")
        return not str(target).startswith("#") or any(map(_refers_elsewhere, node.values()))
    return isinstance(node, list) and any(map(_refers_elsewhere, node))


def form_fault(form: Payload, data: Payload) -> str | None:
    """None if the data follows the form, else one line that names place and rule, without the data."""
    try:
        errors = sorted(_validator(form).iter_errors(data.value()), key=lambda error: error.json_path)
    except UnreadablePayloadError as error:
        return f"data is not readable: {error}"
    except (Unresolvable, RecursionError):
        return "the form cannot be applied: one of its $ref leads nowhere, or into itself"
    if not errors:
        return None
    expected = f"{errors[0].validator} {orjson.dumps(errors[0].validator_value).decode()}"
    return f"data{errors[0].json_path[1:]} does not follow the form: {expected}"[:500]


@lru_cache(maxsize=256)
def _validator(form: Payload) -> Draft202012Validator:
    """Without a registry of its own, a `$ref` in a form could make the validator fetch from the network."""
    return Draft202012Validator(form.value(), registry=Registry())

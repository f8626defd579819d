"""JSON Schemas of a definition, compiled once.

Draft 2020-12 unless `$schema` says otherwise. Patterns are RE2's, as in expressions. References may point into the
schema itself and nowhere else: nothing is fetched. A complaint names the place and the rule, and never the data.
Checking is counted work, of the schema itself as of the data.
"""

from __future__ import annotations

from typing import Any

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from schemas.payload import Json
from streams.language.jq import PatternError
from streams.language.keywords import BUDGET, MAX_STEPS_OF_SCHEMA, Budget, Known, SchemaLimitError, counted
from streams.language.nodes import Node
from streams.language.schema_parts import SchemaFaultError, check_parts
from streams.language.source import pointer

__all__ = ["JsonSchema", "SchemaFaultError", "compiled_schema"]

_SHOWN = 80  # characters of a rule
_NO_JSON = "..."
_TOO_DEEP = "nests too deeply to be checked"
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


class JsonSchema:
    """A schema with the shape of `streams.language.graph.Validator`; raises `SchemaFaultError` when it is made of a
    wrong one."""

    __slots__ = ("_known", "_validator")

    def __init__(self, schema: Json) -> None:
        if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
            raise SchemaFaultError(("$schema",), "the name of a dialect is a text")
        dialect = validator_for(schema, default=Draft202012Validator)
        try:
            error = _first(
                counted(dialect)(dialect.META_SCHEMA, registry=Registry()),
                schema,
                Budget(Known(dynamic=True), MAX_STEPS_OF_SCHEMA),
            )
            if error is not None:
                raise SchemaFaultError(tuple(error.absolute_path), _wrong(error))
            resolver = check_parts(schema)
        except SchemaLimitError as limit:
            raise SchemaFaultError((), str(limit)) from None
        except RecursionError:
            raise SchemaFaultError((), _TOO_DEEP) from None
        self._validator = counted(dialect)(schema, registry=Registry(), _resolver=resolver)
        self._known = Known(dynamic=_is_dynamic(schema))

    def check(self, data: Json) -> str | None:
        """None if valid, else one line with the place (a JSON Pointer into the data) and the rule that is broken."""
        try:
            error = _first(self._validator, data, Budget(self._known))
        except Unresolvable:
            return "the schema refers to a part of itself that does not exist"
        except PatternError as pattern_error:
            return f"the schema has a pattern that is none: {pattern_error}"
        except SchemaLimitError as limit:
            return str(limit)
        except RecursionError:
            return _TOO_DEEP
        except UnicodeEncodeError:
            return "the value holds text that is no Unicode"
        return None if error is None else _line(error)


def _is_dynamic(schema: Json) -> bool:
    """Whether it holds a reference whose end depends on the way to it."""
    text = _json(schema)
    return text == _NO_JSON or '"$dynamicRef"' in text or '"$recursiveRef"' in text


def _first(validator: Any, data: Json, budget: Budget) -> ValidationError | None:
    token = BUDGET.set(budget)
    try:
        return next(validator.iter_errors(data), None)
    finally:
        BUDGET.reset(token)


def _line(error: ValidationError) -> str:
    return f"{pointer(tuple(error.absolute_path)) or 'the value'} {_broken(error)}"


def _broken(error: ValidationError) -> str:
    """Which rule is broken, without the data."""
    rule = error.validator_value
    match error.validator:
        case "required" if isinstance(rule, list):
            return f"lacks {_cut(', '.join(str(name) for name in rule if name not in error.instance))}"
        case "additionalProperties":
            return "has members that are not allowed"
        case "type":
            return f"is not of type {rule if isinstance(rule, str) else ' or '.join(map(str, rule))}"
        case None:
            return "is not allowed at all"
        case keyword:
            return f"breaks the rule {keyword}: {_cut(rule if isinstance(rule, str) else _json(rule))}"


def _wrong(error: ValidationError) -> str:
    """What is wrong about a schema: here the data is the author's own."""
    if tuple(error.absolute_path)[-1:] == ("type",):
        return f"{_cut(_json(error.instance))} is no type; known are {', '.join(sorted(_TYPES))}"
    return f"{_cut(_json(error.instance))} {_broken(error)}"


def _json(value: Json) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return _NO_JSON


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def compiled_schema(node: Node) -> JsonSchema | None:
    """A JSON Schema; None, with a fault, if it is wrong."""
    if not isinstance(node.value, dict | bool):
        node.wrong_type("a JSON Schema", "{type: object, required: [amount]}")
        return None
    try:
        return JsonSchema(node.value)
    except SchemaFaultError as fault:
        place = Node(node.source, (*node.path, *fault.path), None)
        place.fault("schema", f"not a valid JSON Schema: {fault}", "see json-schema.org, draft 2020-12")
        return None

"""Forms: the JSON Schema that a definition gives a task, and whether somebody's data follows it."""

from __future__ import annotations

from functools import lru_cache

from schemas.payload import Json, Payload, UnreadablePayloadError
from streams.language.schema import JsonSchema, SchemaFaultError
from streams.language.source import pointer


def fault_of_form(form: Json) -> str | None:
    """Why this cannot be the form of a task; None if it can."""
    if not isinstance(form, dict):
        return "is no JSON Schema"
    try:
        JsonSchema(form)
    except SchemaFaultError as fault:
        return f"is no JSON Schema that can be used: {pointer(fault.path) or 'the whole'}: {fault}"
    return None


def form_fault(form: Payload, data: Payload) -> str | None:
    """None if the data follows the form, else one line that names place and rule, without the data."""
    try:
        fault = _schema(form).check(data.value())
    except UnreadablePayloadError as error:
        return f"data is not readable: {error}"
    except SchemaFaultError as error:
        return f"the form cannot be applied: {error}"
    return None if fault is None else f"data does not follow the form: {fault}"[:500]


@lru_cache(maxsize=256)
def _schema(form: Payload) -> JsonSchema:
    return JsonSchema(form.value())

"""How parts of a definition look, as JSON Schema: the bricks of which constructs and functions say what they take.

A form is used twice: the reader takes from it which members there are, and an editor gets all of it (`json_schema`).
It may be wider than lint, which judges; it is never narrower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.language.durations import UNITS_MS
from streams.language.model import DIRECTIVES, MAX_NAME

Form = Mapping[str, Any]


def closed(properties: Mapping[str, Form], required: Sequence[str] = ()) -> dict[str, Any]:
    """An object with these members and no others."""
    form: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    return form | ({"required": list(required)} if required else {}) | {"additionalProperties": False}


def named(form: Form) -> dict[str, Any]:
    """A list in which each element is an object with one key, its name."""
    one = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": form}
    return {"type": "array", "minItems": 1, "items": one}


def either(*forms: Form) -> dict[str, Any]:
    """One of several."""
    return {"anyOf": list(forms)}


def defined(name: str) -> dict[str, Any]:
    """A form that stands in `DEFINITIONS`, or in those of the whole schema."""
    return {"$ref": f"#/$defs/{name}"}


TEXT: Form = {"type": "string", "pattern": r"\S"}
FIXED_TEXT: Form = {"type": "string", "pattern": r"\S", "not": {"pattern": r"\$\{"}}
JSON: Form = {}  # anything, with expressions in it
OBJECT: Form = {"type": "object"}
SCHEMA: Form = {"type": ["object", "boolean"]}

EXPRESSION = defined("expression")
CONDITION = defined("condition")
DURATION = defined("duration")
COLLECTION = defined("collection")
TRANSFORM = defined("transform")
TASK = defined("task")
TASKS = defined("tasks")

_ISO = r"P(?=.)(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?(T(?=\d)(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?"
_WHOLE = r"\s*\$\{[\s\S]*\}\s*"
_UNITS = {unit: {"type": ["number", "string"]} for unit in UNITS_MS}

DEFINITIONS: Mapping[str, Form] = {
    "expression": {"type": "string", "pattern": f"^{_WHOLE}$", "description": "A jq expression: ${ ... }"},
    "condition": {
        "type": ["boolean", "string"],
        "description": "An expression that gives true or false; its braces may be left out.",
    },
    "collection": {
        "type": ["array", "string"],
        "description": "A list, or an expression that gives one; its braces may be left out.",
    },
    "transform": {
        "type": ["object", "string"],
        "description": "An expression whose braces may be left out, or an object with expressions in it.",
    },
    "duration": {
        **either(closed(_UNITS) | {"minProperties": 1}, {"type": "string", "pattern": f"^({_ISO}|{_WHOLE})$"}),
        "description": "{minutes: 5}, PT5M, or an expression that gives one of them.",
    },
    "tasks": {
        **named(TASK),
        "items": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "propertyNames": {"maxLength": MAX_NAME, "not": {"enum": list(DIRECTIVES)}},
            "additionalProperties": TASK,
        },
    },
}

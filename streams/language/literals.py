"""What a definition writes out, held to a JSON Schema; what an expression will give is not known yet, and passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from schemas.payload import Json

_Place = tuple[str | int, ...]


class _Hole:
    """Stands where an expression is."""


_HOLE = _Hole()


def broken_rules(schema: Mapping[str, Json], written: Json) -> list[tuple[_Place, str]]:
    """Where what is written cannot be what the schema wants, and what is wrong there."""
    errors = _LENIENT(schema).iter_errors(_with_holes(written))
    return [(tuple(error.absolute_path), _told(error)) for error in errors]


def _with_holes(node: Json) -> Any:
    if isinstance(node, dict):
        return {name: _with_holes(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_with_holes(value) for value in node]
    return _HOLE if isinstance(node, str) and "${" in node else node


def _told(error: Any) -> str:
    rule = error.validator_value
    match error.validator:
        case "required":
            return f"lacks {', '.join(str(name) for name in rule if name not in error.instance)}"
        case "additionalProperties":
            return "has members that are not known"
        case "type":
            return f"is not of type {rule if isinstance(rule, str) else ' or '.join(rule)}"
        case "enum":
            return f"is none of {', '.join(map(str, rule))}"
        case "anyOf" if all(isinstance(each.get("type"), str) for each in rule):
            return f"is not of type {' or '.join(each['type'] for each in rule)}"
        case keyword:
            return f"breaks the rule {keyword} of its type"


def _unless_hole(check: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def checked(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
        return iter(()) if instance is _HOLE else check(validator, rule, instance, schema) or iter(())

    return checked


_LEFT_OUT = frozenset({"$ref", "$dynamicRef", "pattern", "patternProperties"})  # who wrote the schema is not known
_LENIENT = extend(
    Draft202012Validator,
    {
        name: _unless_hole((lambda *_: iter(())) if name in _LEFT_OUT else check)
        for name, check in Draft202012Validator.VALIDATORS.items()
    },
)

"""JSON Schemas of a definition, compiled once.

Draft 2020-12 unless `$schema` says otherwise. Patterns are RE2's, as in expressions. References may point into the
schema itself and nowhere else: nothing is fetched. A complaint names the place and the rule, and never the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from referencing.exceptions import Unresolvable

from schemas.payload import Json
from streams.language.jq import PatternError, pattern
from streams.language.nodes import Node
from streams.language.source import Path, pointer

_SHOWN = 80  # characters of a rule


def _pattern(validator: Any, source: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and pattern(source).search(instance) is None:
        yield ValidationError("does not match")


class SchemaFaultError(ValueError):
    """The schema itself is wrong: `path` inside it, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class JsonSchema:
    """A schema with the shape of `streams.language.graph.Validator`; raises `SchemaFaultError` when it is made of a
    wrong one."""

    __slots__ = ("_validator",)

    def __init__(self, schema: Json) -> None:
        dialect = validator_for(schema, default=Draft202012Validator)
        try:
            dialect.check_schema(schema)
        except SchemaError as error:
            reason = error.message.replace("\n", " ")[:200]
            raise SchemaFaultError(tuple(error.absolute_path), reason) from None
        _refuse_foreign(schema, ())
        self._validator = extend(dialect, {"pattern": _pattern})(schema)

    def check(self, data: Json) -> str | None:
        """None if valid, else one line with the place (a JSON Pointer into the data) and the rule that is broken."""
        try:
            error = next(self._validator.iter_errors(data), None)
        except Unresolvable:
            return "the schema refers to a part of itself that does not exist"
        except RecursionError:
            return "nests too deeply to be checked"
        return None if error is None else _line(error)


def _line(error: ValidationError) -> str:
    place = pointer(tuple(error.absolute_path)) or "the value"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{place} lacks {', '.join(missing)}"
    if error.validator == "additionalProperties":
        return f"{place} has members that are not allowed"
    if error.validator == "type":
        wanted = error.validator_value
        return f"{place} is not of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
    rule = str(error.validator_value)
    return f"{place} breaks the rule {error.validator}: {rule if len(rule) <= _SHOWN else rule[:_SHOWN] + '...'}"


def _refuse_foreign(schema: Json, path: Path) -> None:
    """References to the outside, and patterns that RE2 does not know."""
    if isinstance(schema, list):
        for index, part in enumerate(schema):
            _refuse_foreign(part, (*path, index))
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(part, str) and not part.startswith("#"):
                raise SchemaFaultError((*path, key), "a reference leads out of the schema")
            if key == "patternProperties" and path[-1:] != ("properties",):
                raise SchemaFaultError(
                    (*path, key), "patternProperties is not supported; use propertyNames with a pattern"
                )
            if key == "pattern" and isinstance(part, str):
                _check_pattern(part, (*path, key))
            _refuse_foreign(part, (*path, key))


def _check_pattern(source: str, path: Path) -> None:
    try:
        pattern(source)
    except PatternError as error:
        raise SchemaFaultError(path, f"not a regular expression of RE2: {error}") from None


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

"""JSON Schemas of a definition, compiled once.

Draft 2020-12 unless `$schema` says otherwise. Patterns are RE2's, as in expressions. References may point into the
schema itself and nowhere else: nothing is fetched. A complaint names the place and the rule, and never the data.
Checking is counted work, of the schema itself as of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from schemas.payload import Json
from streams.language.jq import PatternError, pattern
from streams.language.keywords import BUDGET, Budget, SchemaLimitError, counted
from streams.language.nodes import Node
from streams.language.source import Path, pointer

_SHOWN = 80  # characters of a rule
_TOO_DEEP = "nests too deeply to be checked"
_ONE = frozenset(
    ("not", "if", "then", "else", "items", "additionalItems", "contains", "additionalProperties", "propertyNames")
) | {"unevaluatedItems", "unevaluatedProperties", "contentSchema", "extends", "disallow", "type"}
_SEVERAL = frozenset(("allOf", "anyOf", "oneOf", "prefixItems", "items", "extends", "disallow", "type"))
_NAMED = frozenset(("properties", "$defs", "definitions", "dependentSchemas", "dependencies"))
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class SchemaFaultError(ValueError):
    """The schema itself is wrong: `path` inside it, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class JsonSchema:
    """A schema with the shape of `streams.language.graph.Validator`; raises `SchemaFaultError` when it is made of a
    wrong one."""

    __slots__ = ("_sets", "_validator")

    def __init__(self, schema: Json) -> None:
        dialect = validator_for(schema, default=Draft202012Validator)
        try:
            error = _first(counted(dialect)(dialect.META_SCHEMA, registry=Registry()), schema, {})
            if error is not None:
                raise SchemaFaultError(tuple(error.absolute_path), _wrong(error))
            _check_parts(schema)
        except SchemaLimitError as limit:
            raise SchemaFaultError((), str(limit)) from None
        except RecursionError:
            raise SchemaFaultError((), _TOO_DEEP) from None
        self._validator = counted(dialect)(schema, registry=Registry())
        self._sets: dict[int, frozenset[Any]] = {}

    def check(self, data: Json) -> str | None:
        """None if valid, else one line with the place (a JSON Pointer into the data) and the rule that is broken."""
        try:
            error = _first(self._validator, data, self._sets)
        except Unresolvable:
            return "the schema refers to a part of itself that does not exist"
        except PatternError as pattern_error:
            return f"the schema has a pattern that is none: {pattern_error}"
        except SchemaLimitError as limit:
            return str(limit)
        except RecursionError:
            return _TOO_DEEP
        return None if error is None else _line(error)


def _first(validator: Any, data: Json, sets: dict[int, frozenset[Any]]) -> ValidationError | None:
    token = BUDGET.set(Budget(sets))
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
        return "..."


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _check_parts(schema: Json) -> None:
    """References to the outside, and patterns that RE2 does not know."""
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    known = specification_with(dialect, default=DRAFT202012) if isinstance(dialect, str) else DRAFT202012
    registry: Registry[Any] = Registry()
    root: Resource[Any] = known.create_resource(schema)
    _check_part(schema, (), registry.resolver_with_root(root), known)


def _check_part(schema: Json, path: Path, resolver: Any, known: Any) -> None:
    if not isinstance(schema, dict):
        return
    resolver = resolver.in_subresource(known.create_resource(schema))
    for key in _REFERENCES:
        if isinstance(reference := schema.get(key), str):
            _check_reference(reference, (*path, key), resolver)
    if "patternProperties" in schema:
        reason = "patternProperties is not supported; use propertyNames with a pattern"
        raise SchemaFaultError((*path, "patternProperties"), reason)
    if isinstance(source := schema.get("pattern"), str):
        _check_pattern(source, (*path, "pattern"))
    for place, part in _parts(schema):
        _check_part(part, (*path, *place), resolver, known)


def _parts(schema: dict[str, Json]) -> Iterator[tuple[Path, Json]]:
    """The subschemas; what stands in `const`, `enum`, `default` and `examples` is data, whatever it looks like."""
    for key, part in schema.items():
        if isinstance(part, dict) and key in _NAMED:
            yield from (((key, name), member) for name, member in part.items())
        elif isinstance(part, dict) and key in _ONE:
            yield (key,), part
        elif isinstance(part, list) and key in _SEVERAL:
            yield from (((key, index), element) for index, element in enumerate(part))


def _check_reference(reference: str, path: Path, resolver: Any) -> None:
    try:
        resolver.lookup(reference)
    except (Unresolvable, ValueError, LookupError, TypeError, AttributeError):
        inside = "a reference to a part of the schema that does not exist"
        reason = inside if reference.startswith("#") else "a reference leads out of the schema"
        raise SchemaFaultError(path, reason) from None


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

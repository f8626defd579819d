"""The parts of a JSON Schema that lead somewhere: subschemas, references and patterns.

References may point into the schema itself and nowhere else, patterns are RE2's. What stands where data stands is data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from schemas.payload import Json
from streams.language.jq import PatternError, pattern
from streams.language.source import Path

_ONE = frozenset(
    ("not", "if", "then", "else", "items", "additionalItems", "contains", "additionalProperties", "propertyNames")
) | {"unevaluatedItems", "unevaluatedProperties", "contentSchema", "extends", "disallow", "type"}
_SEVERAL = frozenset(("allOf", "anyOf", "oneOf", "prefixItems", "items", "extends", "disallow", "type"))
_NAMED = frozenset(("properties", "$defs", "definitions", "dependentSchemas", "dependencies"))
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# what the library raises for names that are no addresses, or of another type
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)


class SchemaFaultError(ValueError):
    """The schema itself is wrong: `path` inside it, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


def check_parts(schema: Json) -> Any:
    """Refuses references to the outside, and patterns that RE2 does not know; gives what resolves the references."""
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    known = specification_with(dialect, default=DRAFT202012) if isinstance(dialect, str) else DRAFT202012
    try:
        root: Resource[Any] = known.create_resource(schema)
        base = root.id() or ""
        # looked through once for what has a name, and not again for each reference
        registry: Registry[Any] = Registry().with_resource(base, root).crawl()
        resolver = registry.resolver(base_uri=base)
        _check_part(schema, (), resolver, known)
    except SchemaFaultError:
        raise
    except _UNREADABLE as error:
        raise SchemaFaultError((), f"an $id, $anchor or reference cannot be read ({error})"[:200]) from None
    return resolver


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
    except (Unresolvable, *_UNREADABLE):
        inside = "a reference to a part of the schema that does not exist"
        reason = inside if reference.startswith("#") else "a reference leads out of the schema"
        raise SchemaFaultError(path, reason) from None


def _check_pattern(source: str, path: Path) -> None:
    try:
        pattern(source)
    except PatternError as error:
        raise SchemaFaultError(path, f"not a regular expression of RE2: {error}") from None

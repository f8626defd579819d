"""A mapping held against the JSON Schemas of both sides: paths that are not there, fields that nobody fills."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from connectors.mappings.paths import Path, shown
from connectors.mappings.reading import MappingFault, Place
from connectors.mappings.rules import Rule

ANY: Any = {}
MOST_WANTED = 10_000  # fields: what refers to itself more than once doubles with each level
_GIVES = {
    "text": "string", "decimal": "string", "date": "string", "integer": "integer", "number": "number",
    "boolean": "boolean",
}  # fmt: skip


def faults_of(rules: tuple[Rule, ...], source: Any, target: Any) -> Iterator[MappingFault]:
    """What does not fit, if both or one of the schemas are known."""
    yield from _of_rules(rules, _Side(source), source, _Side(target), target, ("fields",))


def at(side: _Side, schema: Any, path: Path) -> Any:
    """The schema of what stands at a path; None where nothing can stand there."""
    for part in path:
        schema = side.inside(schema, part)
        if schema is None:
            return None
    return schema


class _Side:
    """One schema with its definitions."""

    def __init__(self, schema: Any) -> None:
        self.whole = schema

    def resolved(self, schema: Any) -> Any:
        """Behind a reference within the document; what leads elsewhere can be anything."""
        for _ in range(20):
            reference = schema.get("$ref") if isinstance(schema, dict) else None
            if reference is None:
                return schema
            schema = self.whole
            for part in str(reference).removeprefix("#").split("/")[1:]:
                schema = schema.get(part, ANY) if isinstance(schema, dict) else ANY
        return ANY

    def inside(self, schema: Any, part: str | int) -> Any:
        """The schema of a member or an item; None where there is none."""
        schema = self.resolved(schema)
        if not isinstance(schema, dict) or any(name in schema for name in ("anyOf", "oneOf", "allOf", "if")):
            return ANY
        if isinstance(part, int):
            return None if self._is_not(schema, "array") else schema.get("items", ANY)
        if self._is_not(schema, "object"):
            return None
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return _more(schema.get("additionalProperties", True))
        if part in properties:
            return properties[part]
        return _more(schema.get("additionalProperties", False))  # what is not named is a slip of the pen

    def _is_not(self, schema: Any, kind: str) -> bool:
        types = schema.get("type")
        return types is not None and kind not in (types if isinstance(types, list) else [types])


def _more(said: Any) -> Any:
    return None if said is False else said if isinstance(said, dict) else ANY


def _of_rules(
    rules: tuple[Rule, ...], source: _Side, item: Any, target: _Side, into: Any, place: Place
) -> Iterator[MappingFault]:
    for rule in rules:
        yield from _of_rule(rule, source, item, target, into, (*place, ".".join(rule.target)))
    if into is not None:
        yield from _unfilled(rules, target, into, place)


def _of_rule(rule: Rule, source: _Side, item: Any, target: _Side, into: Any, place: Place) -> Iterator[MappingFault]:
    found = at(target, into, rule.target) if into is not None else ANY
    if found is None:
        yield MappingFault(place, "the output has no such field by its schema", "correct its name, or the schema")
        return
    inner: Any = item
    for whole, path in (*rule.sources, *((rule.each,) if rule.each else ())):
        inner = at(source, source.whole if whole else item, path) if source.whole is not None else ANY
        if inner is None:
            yield MappingFault(
                place, f"the input has no {shown(path)} by its schema", "correct the path, or the schema"
            )
            return
    if rule.each is not None:
        found = target.inside(found, 0)
        if found is None:
            yield MappingFault(place, "the output has no list here by its schema", "map it without `each`")
            return
        inner = source.inside(inner, 0) if source.whole is not None else ANY
    if rule.inner is not None:
        yield from _of_rules(rule.inner, source, inner, target, found if into is not None else None, (*place, "fields"))
    elif rule.convert is not None:
        yield from _of_type(_GIVES[rule.convert.kind], target.resolved(found), place)


def _of_type(given: str, schema: Any, place: Place) -> Iterator[MappingFault]:
    types = schema.get("type") if isinstance(schema, dict) else None
    allowed = types if isinstance(types, list) else [types]
    if types is not None and given not in allowed and not (given == "integer" and "number" in allowed):
        yield MappingFault(
            place, f"it gives a {given}, and its schema wants {' or '.join(map(str, allowed))}", "change its `type`"
        )


def _unfilled(rules: tuple[Rule, ...], target: _Side, schema: Any, place: Place) -> Iterator[MappingFault]:
    filled = {rule.target for rule in rules}
    for path in islice(_required(target, schema, ()), MOST_WANTED):
        if not any(path[: len(each)] == each or each[: len(path)] == path for each in filled):
            yield MappingFault(place, f"nothing fills {'.'.join(path)}, which its schema wants", "add a line for it")


def _required(target: _Side, schema: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    schema = target.resolved(schema)
    wanted = schema.get("required", []) if isinstance(schema, dict) and len(path) < 12 else []
    for name in wanted:
        inside = target.inside(schema, name)
        is_leaf = True
        for each in _required(target, inside, (*path, name)) if inside is not None else ():
            is_leaf = False
            yield each
        if is_leaf:
            yield (*path, name)

"""Which schemas let bytes do harm: a few stand for values without end where what takes no bytes at all is repeated, and
many stand for values within values, deeper than a process can bear, where a type holds itself."""

from __future__ import annotations

from typing import Any


def harm(schema: Any) -> str | None:
    """Why no bytes may be read by a parsed schema; None where they may."""
    if unfolds_without_end(schema):
        return "repeats what takes no bytes, so that a few stand for values without end"
    if holds_itself(schema):
        return "has a type that holds itself, so that values may nest without end"
    return None


def unfolds_without_end(schema: Any) -> bool:
    """Whether a parsed schema repeats what takes no bytes: in lists, in maps, or by a name that leads to it again."""
    weighing = _Weighing()
    weighing.collect(schema)
    return weighing.has_nothing_repeated(schema, repeated=False)


def holds_itself(schema: Any) -> bool:
    """Whether a parsed schema has a type that a value of it may hold again: the library reads it without a bound."""
    named: dict[str, Any] = {}
    within: set[Any] = set()
    done: set[Any] = set()

    def collect(found: Any) -> None:
        if isinstance(found, dict) and isinstance(found.get("name"), str):
            named[found["name"]] = found
        for inner in _inner(found):
            collect(inner)

    def returns(found: Any) -> bool:
        if isinstance(found, str):
            if found not in named or found in done:
                return False
            return found in within or returns(named[found])
        name = found.get("name") if isinstance(found, dict) else None
        within.add(name)
        if any(returns(inner) for inner in _inner(found)):
            return True
        within.discard(name)
        done.add(name)
        return False

    collect(schema)
    return returns(schema)


class _Weighing:
    """One schema, whose types are known by their full names."""

    def __init__(self) -> None:
        self._named: dict[str, Any] = {}
        self._seen: set[str] = set()

    def collect(self, schema: Any) -> None:
        """Takes note of what has a name."""
        if isinstance(schema, dict) and isinstance(schema.get("name"), str):
            self._named[schema["name"]] = schema
        for inner in _inner(schema):
            self.collect(inner)

    def has_nothing_repeated(self, schema: Any, *, repeated: bool) -> bool:
        """Whether there is anything below that takes no bytes and comes as often as the data likes."""
        if isinstance(schema, str):
            if schema not in self._named or schema in self._seen:
                return False
            self._seen.add(schema)
            return self.has_nothing_repeated(self._named[schema], repeated=True)
        repeated = repeated or (isinstance(schema, dict) and schema.get("type") in ("array", "map"))
        return any(
            self.has_nothing_repeated(inner, repeated=repeated)
            or (repeated and not isinstance(schema, list) and self._is_nothing(inner, ()))  # a union has its index
            for inner in _inner(schema)
        )

    def _is_nothing(self, schema: Any, within: tuple[str, ...]) -> bool:
        if isinstance(schema, str):
            if schema in within:
                return False  # it has no end, so there are no bytes for it
            return schema == "null" or (
                schema in self._named and self._is_nothing(self._named[schema], (*within, schema))
            )
        if not isinstance(schema, dict) or schema.get("type") in ("array", "map"):
            return False
        if schema.get("type") == "fixed":
            return schema.get("size") == 0
        inner = _inner(schema)
        return all(self._is_nothing(each, within) for each in inner) if inner else schema.get("type") in _OF_FIELDS


_OF_FIELDS = ("record", "error")


def _inner(schema: Any) -> list[Any]:
    """The schemas that a schema is made of."""
    if isinstance(schema, list):
        return schema
    if not isinstance(schema, dict):
        return []
    match schema.get("type"):
        case "array":
            return [schema["items"]]
        case "map":
            return [schema["values"]]
        case "record" | "error":
            return [each["type"] for each in schema["fields"]]
        case "fixed" | "enum":
            return []
        case other:
            return [other]

"""Which schemas let bytes do harm: a few stand for values without end where what takes no bytes at all is repeated or
doubled, many stand for values within values, deeper than a process can bear, where a type holds itself, and a decimal
of very many digits takes longer to be written out than anybody waits.

And which let values do so: what is one of several types that are each one of several types is found by trying them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastavro.read import LOGICAL_READERS

from schemas.decimals import MOST_DIGITS, READERS

LOGICAL_READERS.update(READERS)  # for the whole process: whoever reads asks here first what may be read

MOST_LEVELS = 64
MOST_NOTHINGS = 16  # values in one that take no bytes
MOST_UNFOLDED = 20_000  # types in each other, each written out wherever it is named
MOST_CHOICES = 1_000  # that are tried for one value


def harm(schema: Any) -> str | None:
    """Why no bytes may be read by a parsed schema; None where they may."""
    try:
        if unfolds_without_end(schema):
            return "repeats what takes no bytes, so that a few stand for values without end"
        if holds_itself(schema):
            return "has a type that holds itself, so that values may nest without end"
        weighing = _Weighing(schema)
        if weighing.levels(schema) > MOST_LEVELS:
            return f"nests deeper than {MOST_LEVELS} levels"
    except RecursionError:
        return f"nests deeper than {MOST_LEVELS} levels"
    if weighing.most_nothings > MOST_NOTHINGS:
        return f"has more than {MOST_NOTHINGS} values in one that take no bytes, so that a few stand for very many"
    if any(_is_endless_decimal(each) for each in weighing.seen):
        return f"has a decimal without a precision, or with more than {MOST_DIGITS:,} digits"
    return None


def burden(schema: Any) -> str | None:
    """Why no values may be written by a parsed schema by which bytes may be read; None where they may."""
    weighing = _Weighing(schema)
    if weighing.unfolded(schema) > MOST_UNFOLDED:
        return f"is more than {MOST_UNFOLDED:,} types once each is written out wherever it is named"
    if weighing.choices(schema) > MOST_CHOICES:
        return f"has more than {MOST_CHOICES:,} ways to read one value, by types that are each one of several"
    return None


def unfolds_without_end(schema: Any) -> bool:
    """Whether a parsed schema repeats what takes no bytes: in lists, in maps, or by a name that leads to it again."""
    return _Weighing(schema).has_nothing_repeated(schema, repeated=False)


def holds_itself(schema: Any) -> bool:
    """Whether a parsed schema has a type that a value of it may hold again: the library reads it without a bound."""
    named: dict[str, Any] = {}
    within: set[Any] = set()
    done: set[Any] = set()

    def collect(found: Any) -> None:
        if (name := _name_of(found)) is not None:
            named[name] = found
        for inner in _inner(found):
            collect(inner)

    def returns(found: Any) -> bool:
        if isinstance(found, str):
            if found not in named or found in done:
                return False
            return found in within or returns(named[found])
        name = _name_of(found)
        within.add(name)
        if any(returns(inner) for inner in _inner(found)):
            return True
        within.discard(name)
        done.add(name)
        return False

    collect(schema)
    return returns(schema)


class _Weighing:
    """One schema, whose types are known by their full names. What is found of a named type is remembered, as each may
    stand in the next one twice."""

    def __init__(self, schema: Any) -> None:
        self.seen: list[Any] = []  # every part of it, once
        self.most_nothings = 0
        self._named: dict[str, Any] = {}
        self._looked_at: set[str] = set()
        self._nothings: dict[str, tuple[bool, int]] = {}
        self._levels: dict[str, int] = {}
        self._unfolded: dict[str, int] = {}
        self._choices: dict[str, int] = {}
        self._collect(schema)
        self.nothings(schema)

    def _collect(self, schema: Any) -> None:
        self.seen.append(schema)
        if (name := _name_of(schema)) is not None:
            self._named[name] = schema
        for inner in _inner(schema):
            self._collect(inner)

    def has_nothing_repeated(self, schema: Any, *, repeated: bool) -> bool:
        """Whether there is anything below that takes no bytes and comes as often as the data likes."""
        if isinstance(schema, str):
            if schema not in self._named or schema in self._looked_at:
                return False
            self._looked_at.add(schema)
            return self.has_nothing_repeated(self._named[schema], repeated=True)
        repeated = repeated or (isinstance(schema, dict) and schema.get("type") in ("array", "map"))
        return any(
            self.has_nothing_repeated(inner, repeated=repeated)
            or (repeated and not isinstance(schema, list) and self.nothings(inner)[0])  # a union has its index
            for inner in _inner(schema)
        )

    def nothings(self, schema: Any) -> tuple[bool, int]:
        """Whether a value takes no bytes, and how many values within it, up to the next that may be left out or
        repeated, do."""
        if isinstance(schema, list):
            self._look_at(schema)
            return False, 0
        if not isinstance(schema, dict):
            if schema not in self._named:
                return schema == "null", int(schema == "null")
            return self._nothings[schema] if schema in self._nothings else self.nothings(self._named[schema])
        name = _name_of(schema)
        if name is not None:
            if name in self._nothings:
                return self._nothings[name]
            self._nothings[name] = False, 0  # until it is known: what has no end has no bytes for it
        found = self._of_parts(schema)
        self.most_nothings = max(self.most_nothings, found[1])
        if name is not None:
            self._nothings[name] = found
        return found

    def _of_parts(self, schema: Any) -> tuple[bool, int]:
        inner = _inner(schema)
        match schema.get("type"):
            case "array" | "map":
                self._look_at(inner)
                return False, 0
            case "fixed":
                return schema.get("size") == 0, int(schema.get("size") == 0)
            case name if name in _OF_FIELDS:
                parts = [self.nothings(each) for each in inner]
                is_nothing = all(each for each, _ in parts)
                return is_nothing, sum(count for _, count in parts) + is_nothing
            case _:
                return self.nothings(inner[0]) if inner else (False, 0)

    def _look_at(self, parts: list[Any]) -> None:
        for each in parts:
            self.nothings(each)

    def levels(self, schema: Any) -> int:
        """How deep lists and objects may be in each other, where no type holds itself."""
        schema = self._meant(schema)
        own = int(isinstance(schema, dict) and schema.get("type") in ("array", "map", *_OF_FIELDS))
        return self._remembered(
            self._levels, schema, lambda parts: own + max((self.levels(each) for each in parts), default=0)
        )

    def unfolded(self, schema: Any) -> int:
        """How many types it is with each written out wherever it is named, where no type holds itself."""
        schema = self._meant(schema)
        return self._remembered(self._unfolded, schema, lambda parts: 1 + sum(self.unfolded(each) for each in parts))

    def choices(self, schema: Any) -> int:
        """In how many ways one value of it may be read at most, where no type holds itself."""
        if isinstance(schema, list):
            return sum(self.choices(each) for each in schema if each != "null") or 1
        return self._remembered(
            self._choices, self._meant(schema), lambda parts: max((self.choices(each) for each in parts), default=1)
        )

    def _remembered(self, known: dict[str, int], schema: Any, found: Callable[[list[Any]], int]) -> int:
        name = _name_of(schema)
        if name in known:
            return known[name]
        number = found(_inner(schema))
        if name is not None:
            known[name] = number
        return number

    def _meant(self, schema: Any) -> Any:
        """The type behind a name."""
        return self._named.get(schema, schema) if isinstance(schema, str) else schema


_OF_FIELDS = ("record", "error")


def _name_of(schema: Any) -> str | None:
    """The name by which other parts may mean it."""
    is_named = isinstance(schema, dict) and schema.get("type") in (*_OF_FIELDS, "enum", "fixed")
    return schema["name"] if is_named else None


def _is_endless_decimal(schema: Any) -> bool:
    if not isinstance(schema, dict) or schema.get("logicalType") != "decimal":
        return False
    precision = schema.get("precision")
    return not isinstance(precision, int) or not 0 < precision <= MOST_DIGITS or schema.get("scale", 0) > precision


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

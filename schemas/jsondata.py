"""JSON data of a business event to the values of its Avro schema, strictly, and back.

Strict, so that a wrong event is refused at the door and not found out about three steps later: unknown fields are
refused by name, missing ones are named, wrong types are named, all of them at once and each with its path.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from schemas.catalogue import Schema
from schemas.cloudevents import MOST_FAULTS, DataFault, InvalidEventError
from schemas.leaves import Leaf, leaf, show

to_json = show
"""Values that `Codec.decode` gives, as JSON-compatible ones: dates, times, decimals and bytes become text."""

MOST_VALUES = 500_000
"""That one value may stand for, with the defaults of what it leaves out, and all that is tried to find what it is: an
event of a megabyte holds as many, and few bytes can stand for very many."""

_SHOWN_NAME_LENGTH = 64
_HELPED = 10  # faults that come with a guess what was meant: each looks at all names

_JSON_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def to_avro(schema: Schema, data: Any, place: str = "data") -> dict[str, Any]:
    """`data` as `Codec.encode` takes it for a record of `schema`, with defaults filled in.

    Raises InvalidEventError with every fault at once, up to MOST_FAULTS; each place is a path that begins with `place`.
    """
    reading = _Reading(schema["__named_schemas"])
    try:
        record: dict[str, Any] = reading.read(schema, data, place)
    except _EnoughError:
        raise InvalidEventError(reading.faults) from None
    if reading.faults:
        raise InvalidEventError(reading.faults)
    return record


class _EnoughError(Exception):
    """There is no need, or no time, to look at the rest."""


class _OtherError(Exception):
    """Of several types this is not the one."""


class _Reading:
    """One walk through schema and data side by side, which notes faults and goes on."""

    def __init__(self, named: Mapping[str, Schema]) -> None:
        self.faults: list[DataFault] = []
        self._named = named
        self._leaves: dict[int, Leaf | None] = {}  # by the identity of their schemas, which outlive the walk
        self._left = MOST_VALUES
        self._tries = 0  # within how many types of which one is looked for: there the first fault is enough

    def read(self, schema: Any, value: Any, place: str) -> Any:
        self._pay(1, place)
        if isinstance(schema, list):
            return self._union(schema, value, place)
        if isinstance(schema, str) and schema in self._named:
            schema = self._named[schema]
        match schema:
            case {"type": "record", "fields": fields}:
                return self._record(fields, value, place)
            case {"type": "array", "items": items}:
                return self._array(items, value, place)
            case {"type": "map", "values": values}:
                return self._map(values, value, place)
            case _:
                return self._leaf(schema, value, place)

    def _record(self, fields: list[Schema], value: Any, place: str) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            self._wrong("an object", value, place)
            return None
        self._pay(len(fields), place)
        names = {field["name"]: None for field in fields}
        for name in value:
            if name not in names:
                self._unknown(name, list(names), place)
        return {field["name"]: self._field(field, value, f"{place}.{field['name']}") for field in fields}

    def _field(self, field: Schema, record: Mapping[str, Any], place: str) -> Any:
        if field["name"] in record:
            return self.read(field["type"], record[field["name"]], place)
        if "default" not in field:
            self._note(place, "is missing; add it")
        return field.get("default")

    def _array(self, items: Any, value: Any, place: str) -> list[Any] | None:
        if not isinstance(value, list):
            self._wrong("an array", value, place)
            return None
        return [self.read(items, item, f"{place}[{index}]") for index, item in enumerate(value)]

    def _map(self, values: Any, value: Any, place: str) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            self._wrong("an object", value, place)
            return None
        # A key of a map is data, so it may be personal and is not quoted in a path.
        return {key: self.read(values, item, f"{place}.*") for key, item in value.items()}

    def _union(self, branches: list[Any], value: Any, place: str) -> Any:
        """The value by the first branch that takes it; one branch besides null speaks for itself."""
        if value is None and "null" in branches:
            return None
        others = [branch for branch in branches if branch != "null"]
        if len(others) == 1:
            return self.read(others[0], value, place)
        for branch in others:
            self._tries += 1
            try:
                return self.read(branch, value, place)
            except _OtherError:
                pass
            finally:
                self._tries -= 1
        self._wrong("one of the types that the schema allows here", value, place)
        return None

    def _leaf(self, schema: Any, value: Any, place: str) -> Any:
        known = id(schema)
        if known not in self._leaves:
            self._leaves[known] = leaf(schema)
        kind = self._leaves[known]
        if kind is None:
            self._note(place, "has a type that has no JSON form; leave it out, or change the schema")
            return None
        try:
            return kind.read(value)
        except (ValueError, OverflowError):
            self._wrong(kind.expected, value, place)
            return None

    def _wrong(self, expected: str, value: Any, place: str) -> None:
        found = _JSON_KINDS.get(type(value), "something else")
        hint = "" if found in expected else f", is {found}"
        self._note(place, f"must be {expected}{hint}")

    def _unknown(self, name: str, names: list[str], place: str) -> None:
        shown = name[:_SHOWN_NAME_LENGTH]
        is_helped = len(self.faults) < _HELPED and not self._tries
        near = get_close_matches(shown, names, n=1) if is_helped else []
        remedy = f"did you mean {near[0]}?" if near else "remove it"
        self._note(f"{place}.{shown}", f"is not in the schema; {remedy}")

    def _note(self, place: str, message: str) -> None:
        if self._tries:
            raise _OtherError
        self.faults.append(DataFault(place, message))
        if len(self.faults) >= MOST_FAULTS:
            raise _EnoughError

    def _pay(self, values: int, place: str) -> None:
        self._left -= values
        if self._left < 0:
            self.faults.append(
                DataFault(place, f"is more than {MOST_VALUES:,} values by its schema; send less at once")
            )
            raise _EnoughError

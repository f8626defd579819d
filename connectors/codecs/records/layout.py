"""The columns of a table and the fields of a line: their names, and how each text stands for a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.codecs.fields import TYPES, Kind, format_of_pattern
from connectors.codecs.records.contract import FormatError
from connectors.codecs.scalars import CodecError
from schemas.payload import Json

MOST_COLUMNS = 16_384  # as programs of tables have at most
KIND_MEMBERS = ("name", "type", "scale", "mark", "pattern", "true", "false")


@dataclass(frozen=True, slots=True)
class Column:
    """One column by its name."""

    name: str
    kind: Kind

    def read(self, given: str) -> Json:
        """The value; raises CodecError that names the column."""
        try:
            return self.kind.read(given)
        except CodecError as error:
            raise CodecError(f"field {self.name}: {error}") from None

    @property
    def reader(self) -> Callable[[str], Json] | None:
        """What makes a value of a text; None where the text is the value."""
        return None if self.kind.type == "text" else self.read

    def write(self, values: Mapping[str, Json]) -> str:
        """The text of this column; raises CodecError that names it."""
        try:
            return self.kind.write(values.get(self.name))
        except CodecError as error:
            raise CodecError(f"field {self.name}: {error}") from None


def columns_of(given: Any, place: str, more: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """The columns that a description lists, each a name or a mapping; raises FormatError."""
    if not isinstance(given, list) or not given:
        raise FormatError(place, "no list of names", "write [number, date, amount], or a mapping for each")
    if len(given) > MOST_COLUMNS:
        raise FormatError(place, f"more than {MOST_COLUMNS:,} names", "divide the records")
    found = tuple(_column(each, f"{place}.{number}", more) for number, each in enumerate(given))
    counts = Counter(each.name for each in found)
    if twice := next((name for name, count in counts.items() if count > 1), None):
        raise FormatError(place, f"{twice[:70]!r} stands twice", "give each its own name")
    return found


def object_only(value: Json, columns: Mapping[str, object] | frozenset[str]) -> Mapping[str, Json]:
    """A value that is an object of these names at most; raises CodecError."""
    if not isinstance(value, dict):
        raise CodecError("an object is expected")
    if unknown := next((name for name in value if name not in columns), None):
        raise CodecError(f"{unknown[:70]!r} is none of its fields")
    return value


def only(spec: Any, place: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    """The members of a description; raises FormatError for another one."""
    if not isinstance(spec, Mapping):
        raise FormatError(place, "no mapping", f"write {', '.join(known[:3])} with their values")
    if wrong := next((str(name) for name in spec if name not in known), None):
        raise FormatError(place, f"{wrong[:70]!r} is no member here", f"write {', '.join(known)}")
    return spec


def number(spec: Mapping[str, Any], name: str, place: str, usual: int, least: int, most: int) -> int:
    """A whole number of a description."""
    value = spec.get(name, usual)
    if type(value) is not int or not least <= value <= most:
        raise FormatError(f"{place}.{name}", "no such number", f"write a whole number from {least} to {most}")
    return value


def flag(spec: Mapping[str, Any], name: str, place: str, usual: bool) -> bool:
    """A flag of a description."""
    value = spec.get(name, usual)
    if type(value) is not bool:
        raise FormatError(f"{place}.{name}", "neither true nor false", "write true or false")
    return value


def line(spec: Mapping[str, Any], name: str, place: str, usual: str) -> str:
    """A text of a description."""
    value = spec.get(name, usual)
    if not isinstance(value, str) or not value:
        raise FormatError(f"{place}.{name}", "no text", "write a text, in quotes if it looks like something else")
    return value


def kind_of(spec: Mapping[str, Any], place: str) -> Kind:
    """How a text stands for a value, as a description says it; raises FormatError."""
    type_ = line(spec, "type", place, "text")
    if type_ not in TYPES:
        raise FormatError(f"{place}.type", "no such type", f"write {', '.join(TYPES)}")
    pattern = line(spec, "pattern", place, "yyyy-MM-dd")
    try:
        format_of_pattern(pattern)
    except CodecError as error:
        raise FormatError(f"{place}.pattern", str(error), "write dd.MM.yyyy") from None
    mark = line(spec, "mark", place, ".")
    if mark not in (".", ","):
        raise FormatError(f"{place}.mark", "neither a point nor a comma", 'write "." or ","')
    flags = (line(spec, "true", place, "true"), line(spec, "false", place, "false"))
    if flags[0] == flags[1]:
        raise FormatError(place, "both flags are the same", "write another text for `false`")
    return Kind(type=type_, scale=number(spec, "scale", place, 0, 0, 18), mark=mark, pattern=pattern, flags=flags)


def _column(given: Any, place: str, more: tuple[str, ...]) -> Column:
    spec = {"name": given} if isinstance(given, str) else only(given, place, KIND_MEMBERS + more)
    name = line(spec, "name", place, "")
    if not name.isprintable():
        raise FormatError(f"{place}.name", "it has characters that are not shown", "write another name")
    return Column(name, kind_of(spec, place))

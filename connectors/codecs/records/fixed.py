"""Fixed width: each field has its place in a line, or in a record of so many bytes without a line end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from connectors.codecs.records.contract import (
    MAX_RECORD_BYTES,
    START,
    FormatError,
    Position,
    Record,
    broken,
    written,
)
from connectors.codecs.records.layout import Column, columns_of, flag, line, number, object_only, only
from connectors.codecs.records.lines import (
    TOO_LONG,
    charset_of_lines,
    decoded,
    encoded,
    ended,
    known_charset,
    lines,
)
from connectors.codecs.scalars import CodecError

MEMBERS = ("type", "charset", "fields", "length", "lines", "skip", "lineEnd")
MOST = 32_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands, and how it is filled up."""

    column: Column
    begin: int
    end: int
    pad: str
    right: bool  # the value stands at the right end


@dataclass(frozen=True, slots=True)
class Fixed:
    """One layout. Characters are counted in lines, bytes (which are characters there) in records without them."""

    places: tuple[Place, ...]
    length: int
    charset: str
    in_lines: bool
    skip: int  # lines at the beginning that are no records
    line_end: str

    def read(self, source: BinaryIO, start: Position = START) -> Iterator[Record]:
        """As `Format.read`."""
        parts = [
            (each.column.name, each.begin, each.end, each.pad, each.right, each.column.reader, "0" * (each.pad == "0"))
            for each in self.places
        ]
        rows = self._lines(source, start) if self.in_lines else self._blocks(source, start)
        for at, following, raw, fault in rows:
            if not fault:
                try:
                    text = decoded(raw, self.charset)
                    if len(text) != self.length:
                        raise CodecError(f"{len(text)} characters, and {self.length} are expected")
                    value: dict[str, Any] = {}
                    for name, begin, end, pad, right, read, empty in parts:
                        given = (text[begin:end].lstrip(pad) or empty) if right else text[begin:end].rstrip(pad)
                        value[name] = given if read is None else read(given)
                except CodecError as error:
                    fault = str(error)
                else:
                    yield Record(value, at, following)
                    continue
            where = f"line {at.line}" if self.in_lines else f"record {at.number + 1}, byte {at.offset}"
            yield broken(at, following, f"{where}: {fault}", raw)

    def write(self, values: Iterable[Any], sink: BinaryIO) -> int:
        """As `Format.write`."""
        names = frozenset(each.column.name for each in self.places)
        end = self.line_end if self.in_lines else ""
        count = 0
        for value in values:
            try:
                sink.write(encoded(self._record(object_only(value, names)) + end, self.charset))
            except CodecError as error:
                raise written(count + 1, error) from None
            count += 1
        return count

    def _record(self, value: Mapping[str, Any]) -> str:
        signs = [" "] * self.length
        for place in self.places:
            text, width = place.column.write(value), place.end - place.begin
            if len(text) > width:
                raise CodecError(f"field {place.column.name}: {len(text)} characters, and {width} are its length")
            if "\n" in text or "\r" in text:
                raise CodecError(f"field {place.column.name}: it has a line end")
            if place.right and text.startswith("-") and place.pad == "0":  # -0042, not 000-42
                text = "-" + text[1:].rjust(width - 1, "0")
            pad = place.pad if text or not place.right else " "  # nothing is not nought
            signs[place.begin : place.end] = text.rjust(width, pad) if place.right else text.ljust(width, pad)
        return "".join(signs)

    def _lines(self, source: BinaryIO, start: Position) -> Iterator[tuple[Position, Position, bytes, str]]:
        count = start.number
        for each in lines(source, start):
            if each.at.line <= self.skip:
                continue
            _, offset, line_ = each.at
            at = Position(count, offset, line_)
            count += 1
            yield at, Position(count, each.next[1], line_ + 1), ended(each.raw), TOO_LONG if each.too_long else ""

    def _blocks(self, source: BinaryIO, start: Position) -> Iterator[tuple[Position, Position, bytes, str]]:
        at = max(start, Position(0, self.skip * self.length))
        source.seek(at.offset)
        while raw := source.read(self.length):
            following = Position(at.number + 1, at.offset + len(raw))
            yield at, following, raw, "" if len(raw) == self.length else "the file ends within it"
            at = following


def fixed(spec: Mapping[str, Any], place: str) -> Fixed:
    """The layout that a description means; raises FormatError."""
    only(spec, place, MEMBERS)
    in_lines = flag(spec, "lines", place, True)
    name = line(spec, "charset", place, "utf-8")
    charset = charset_of_lines(name) if in_lines else known_charset(name)
    if not in_lines and len("\u00a0\u00e9 1".encode(charset, "replace")) != 4:
        raise FormatError(f"{place}.charset", "a character has not one byte", "write the charset of the system: cp037")
    places = _places(spec, f"{place}.fields")
    least = max(each.end for each in places)
    length = number(spec, "length", place, least, least, MAX_RECORD_BYTES)
    end = line(spec, "lineEnd", place, "lf")
    if end not in ("lf", "crlf"):
        raise FormatError(f"{place}.lineEnd", "no line end", "write lf or crlf")
    skip = number(spec, "skip", place, 0, 0, 1_000)
    return Fixed(places, length, charset, in_lines, skip, "\n" if end == "lf" else "\r\n")


def _places(spec: Mapping[str, Any], place: str) -> tuple[Place, ...]:
    given = spec.get("fields")
    columns = columns_of(given, place, ("start", "length", "align", "pad"))
    found: list[Place] = []
    for number_, (column, each) in enumerate(zip(columns, given or [], strict=True)):
        here = f"{place}.{number_}"
        if not isinstance(each, dict) or "length" not in each:
            raise FormatError(here, "no length", "write {name: NAME, length: 10}")
        begin = number(each, "start", here, found[-1].end + 1 if found else 1, 1, MOST) - 1
        end = begin + number(each, "length", here, 1, 1, MOST)
        right = line(each, "align", here, "right" if column.kind.type in ("integer", "decimal") else "left")
        pad = line(each, "pad", here, "0" if column.kind.scale else " ")
        if right not in ("left", "right"):
            raise FormatError(f"{here}.align", "neither left nor right", "write left or right")
        if len(pad) != 1 or not pad.isprintable():
            raise FormatError(f"{here}.pad", "no single sign", 'write one, in quotes: "0"')
        found.append(Place(column, begin, end, pad, right == "right"))
    for one, other in pairwise(sorted(found, key=lambda each: each.begin)):
        if one.end > other.begin:
            raise FormatError(place, f"{one.column.name} and {other.column.name} overlap", "correct start or length")
    return tuple(found)

"""JSON as records: a value on each line (NDJSON), or the items of one array, found without reading all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from connectors.codecs import jsontext
from connectors.codecs.records.contract import MAX_RECORD_BYTES, START, Position, Record, broken, written
from connectors.codecs.records.layout import only
from connectors.codecs.records.lines import TOO_LONG, ended, lines
from connectors.codecs.scalars import CodecError

_CHUNK = 64 * 1024
_SIGNS = re.compile(rb'["\[\]{},]')
_IN_TEXT = re.compile(rb'["\\]')
_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A value on each line, in UTF-8."""

    def read(self, source: BinaryIO, start: Position = START) -> Iterator[Record]:
        """As `Format.read`."""
        count = start.number
        for each in lines(source, start):
            raw = ended(each.raw)
            if not raw.strip(_SPACE):
                continue
            _, offset, line = each.at
            at = Position(count, offset, line)
            count += 1
            following = Position(count, each.next[1], line + 1)
            try:
                if each.too_long:
                    raise CodecError(TOO_LONG)
                yield Record(jsontext.read(raw, "utf-8"), at, following)
            except CodecError as error:
                yield broken(at, following, f"line {at.line}: {error}", raw)

    def write(self, values: Iterable[Any], sink: BinaryIO) -> int:
        """As `Format.write`."""
        count = 0
        for value in values:
            sink.write(_json(value, count + 1) + b"\n")
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class JsonArray:
    """The items of an array that is the whole file, in UTF-8."""

    def read(self, source: BinaryIO, start: Position = START) -> Iterator[Record]:
        """As `Format.read`. Behind what breaks the array itself nothing can be read."""
        scan = _Scan(source, start)
        count = start.number
        if start == START and (fault := scan.begin()):
            yield broken(START, scan.place(0), fault, fatal=True)
            return
        while True:
            raw, at, end = scan.item()
            here = Position(count, at)
            if end == b"]" and not raw.strip(_SPACE) and (count == 0 or scan.at_end):
                break
            count += 1
            following = Position(count, scan.offset - (end == b"]"))  # the bracket is read again
            if end == b"":
                yield broken(here, following, f"byte {scan.offset}: the array does not end", raw, fatal=True)
                return
            try:
                if scan.too_long:
                    raise CodecError(TOO_LONG)
                yield Record(jsontext.read(raw, "utf-8"), here, following)
            except CodecError as error:
                yield broken(here, following, f"record {count}, byte {at}: {error}", raw)
            if end == b"]":
                break
        if rest := scan.rest():
            yield broken(
                scan.place(count), scan.place(count), f"byte {rest}: the file goes on behind the array", fatal=True
            )

    def write(self, values: Iterable[Any], sink: BinaryIO) -> int:
        """As `Format.write`."""
        count = 0
        for value in values:
            sink.write((b",\n" if count else b"[\n") + _json(value, count + 1))
            count += 1
        sink.write(b"\n]\n" if count else b"[]\n")
        return count


class _Scan:
    """Finds where items end, by brackets and quotes alone; what an item is the parser says."""

    def __init__(self, source: BinaryIO, start: Position) -> None:
        source.seek(max(start.offset - 1, 0))
        before = source.read(1) if start.offset else b""
        self.at_end = (
            bool(start.offset) and before != b"," and source.read(1) == b"]"
        )  # [1,] goes wrong behind its comma
        source.seek(start.offset)
        self._source = source
        self._buffer = b""
        self._at = 0  # in the buffer
        self._base = start.offset  # of the buffer
        self.too_long = False

    @property
    def offset(self) -> int:
        """Of the next byte."""
        return self._base + self._at

    def place(self, number: int) -> Position:
        """Here, as a position."""
        return Position(number, self.offset)

    def begin(self) -> str:
        """Goes behind the bracket that begins the array; gives what is wrong."""
        head = self._source.read(_CHUNK)
        marked = 3 if head.startswith(b"\xef\xbb\xbf") else 0
        blank = len(head) - len(head[marked:].lstrip(_SPACE))
        if head[blank : blank + 1] != b"[":
            return f"byte {blank}: an array is expected, and it does not begin with ["
        self._buffer, self._at = head, blank + 1
        return ""

    def item(self) -> tuple[bytes, int, bytes]:
        """The bytes up to the comma or bracket that ends the item, where they begin, and that sign (none: the end)."""
        at, size, depth, in_text = self.offset, 0, 0, False
        parts: list[bytes] = []
        self.too_long = False
        begun = self._at
        while True:
            found = (_IN_TEXT if in_text else _SIGNS).search(self._buffer, self._at)
            if found is None:
                size += self._keep(parts, size, begun, len(self._buffer))
                if not self._more():
                    return b"".join(parts), at, b""
                begun = 0
                continue
            sign, self._at = found[0], found.end()
            if in_text:
                if sign == b"\\":
                    self._at += 1  # whatever is escaped; it may be the first byte of the next chunk
                in_text = sign != b'"'
            elif sign == b'"':
                in_text = True
            elif depth == 0 and sign in b",]}":
                self._keep(parts, size, begun, found.start())
                return b"".join(parts), at, b"," if sign == b"," else b"]" if sign == b"]" else b""
            else:
                depth += 1 if sign in b"[{" else -1 if sign in b"]}" else 0

    def rest(self) -> int:
        """Where something stands behind the array; 0 where nothing does."""
        while True:
            blank = self._buffer[self._at :].lstrip(_SPACE)
            if blank:
                return self._base + len(self._buffer) - len(blank) + 1
            self._at = len(self._buffer)
            if not self._more():
                return 0

    def _keep(self, parts: list[bytes], size: int, begun: int, end: int) -> int:
        if size + end - begun > MAX_RECORD_BYTES:
            self.too_long = True
            end = min(end, begun + max(0, MAX_RECORD_BYTES - size))
        parts.append(self._buffer[begun:end])
        return end - begun

    def _more(self) -> bool:
        self._base += len(self._buffer)
        over = self._at - len(self._buffer) if self._at > len(self._buffer) else 0
        self._buffer = self._source.read(_CHUNK)
        self._at = over
        return bool(self._buffer)


def _json(value: Any, number: int) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        raise written(number, CodecError("it cannot be written as JSON")) from None


def json_lines(spec: Mapping[str, Any], place: str) -> JsonLines:
    """A value on each line."""
    only(spec, place, ("type",))
    return JsonLines()


def json_array(spec: Mapping[str, Any], place: str) -> JsonArray:
    """The items of an array."""
    only(spec, place, ("type",))
    return JsonArray()

"""CSV and its dialects (RFC 4180 and what programs write in its place), a record at a time.

A record may go over several lines inside quotes. Where a quote is not closed, or anything else is wrong, its first line
alone is broken, and the next line begins a record: one wrong quote does not swallow a file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from connectors.codecs.records.contract import START, FormatError, Position, Record, broken, written
from connectors.codecs.records.layout import Column, columns_of, flag, line, object_only, only
from connectors.codecs.records.lines import Line, charset_of_lines, decoded, encoded, ended, lines
from connectors.codecs.scalars import CodecError

MAX_QUOTED_BYTES = 64 * 1024  # of a record that goes over several lines: more is a quote that nobody closed
MEMBERS = ("type", "charset", "delimiter", "quote", "escape", "header", "columns", "lineEnd")


@dataclass(frozen=True, slots=True)
class Delimited:
    """One dialect; without columns their names stand in the first line."""

    columns: tuple[Column, ...]
    header: bool
    charset: str
    line_end: str
    delimiter: str
    quote: str | None
    escape: str | None

    def read(self, source: BinaryIO, start: Position = START) -> Iterator[Record]:
        """As `Format.read`."""
        columns, begin, fault = self._head(source)
        if fault is not None:
            yield fault
            return
        feed = _Feed(source, max(start, begin), self.charset)
        convert = [each.read for each in columns] if any(each.kind.type != "text" for each in columns) else None
        names = [each.name for each in columns]
        rows = self._rows(feed)
        while True:
            at = feed.mark()
            try:
                row = next(rows)
                if len(row) != len(names):
                    if not row:
                        continue
                    raise CodecError(f"{len(row)} fields, and {len(names)} are expected")
                values = row if convert is None else [each(text) for each, text in zip(convert, row, strict=True)]
            except StopIteration:
                return
            except (csv.Error, CodecError) as error:
                raw = feed.recover()
                rows = self._rows(feed)
                yield broken(at, feed.after(), f"line {at.line}: {_told(error)}", raw)
            else:
                yield Record(dict(zip(names, values, strict=True)), at, feed.after())

    def write(self, values: Iterable[Any], sink: BinaryIO) -> int:
        """As `Format.write`; without columns they are those of the first value."""
        columns, buffer, count = self.columns, io.StringIO(newline=""), 0
        writer = csv.writer(buffer, lineterminator="\r\n", **self._dialect())  # both then stand in quotes
        for value in values:
            try:
                if not columns and isinstance(value, dict):
                    columns = columns_of(list(value), "columns")
                if not count and self.header:
                    writer.writerow([each.name for each in columns])
                given = object_only(value, frozenset(each.name for each in columns))
                writer.writerow([each.write(given) for each in columns])
                sink.write(self._taken(buffer, first=count == 0))
            except (CodecError, csv.Error, FormatError) as error:
                raise written(count + 1, CodecError(str(error))) from None
            count += 1
        if not count and self.header and columns:
            writer.writerow([each.name for each in columns])
            sink.write(self._taken(buffer, first=True))
        return count

    def _taken(self, buffer: io.StringIO, *, first: bool) -> bytes:
        text = buffer.getvalue()
        if first and text.startswith("\ufeff"):
            raise CodecError("a file cannot begin with a byte order mark of its data")
        buffer.seek(0)
        buffer.truncate()
        if self.line_end == "\n":
            rows = text.split("\r\n", 1) if first and self.header else [text]
            text = "\n".join(each.removesuffix("\r\n") for each in rows) + "\n"
        return encoded(text, self.charset)

    def _head(self, source: BinaryIO) -> tuple[tuple[Column, ...], Position, Record | None]:
        """The columns, where the first record is, and what is wrong with the first line."""
        if not self.header:
            return self.columns, START, None
        feed = _Feed(source, START, self.charset)
        try:
            names = next(self._rows(feed), [])
            found = columns_of(names, "header") if names else ()
        except (csv.Error, CodecError, FormatError) as error:
            fault = f"line 1, the names of the columns: {_told(error)}"
            return (), START, broken(START, feed.after(), fault, fatal=True)
        if self.columns and [each.name for each in self.columns] != names and names:
            fault = "line 1: the names of the columns are not those that are expected"
            return (), START, broken(START, feed.after(), fault, fatal=True)
        after = feed.after()
        return self.columns or found, Position(0, after.offset, after.line), None

    def _rows(self, feed: _Feed) -> Iterator[list[str]]:
        return csv.reader(feed, strict=True, **self._dialect())

    def _dialect(self) -> dict[str, Any]:
        quoting = csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL
        doubled = self.escape is None
        quote = self.quote or '"'
        return {
            "delimiter": self.delimiter,
            "quotechar": quote,
            "escapechar": self.escape,
            "doublequote": doubled,
            "quoting": quoting,
        }


class _Feed(Iterator[str]):
    """Lines as the parser takes them, with the place of what it has taken."""

    def __init__(self, source: BinaryIO, start: Position, charset: str) -> None:
        self._source = source
        self._charset = charset
        self._lines = lines(source, start)
        self._at = self._next = start
        self._number = start.number
        self._first: Line | None = None

    def __next__(self) -> str:
        line = next(self._lines)
        self._next = line.next
        if self._first is None:
            self._first = line
        elif line.next.offset - self._at.offset > MAX_QUOTED_BYTES:
            raise CodecError(f"a quote is not closed within {MAX_QUOTED_BYTES} bytes")
        if line.too_long:
            raise CodecError("it is too long")
        return decoded(line.raw, self._charset)

    def mark(self) -> Position:
        """Here a record begins."""
        self._first = None
        self._at = Position(self._number, self._next.offset, self._next.line)
        return self._at

    def after(self) -> Position:
        """Where the next record begins, now that there is one more."""
        self._number += 1
        return Position(self._number, self._next.offset, self._next.line)

    def recover(self) -> bytes:
        """Goes on behind the first line of the record; gives that line."""
        if self._first is None:
            return b""
        if self._next != self._first.next:
            self._next = self._first.next
            self._lines = lines(self._source, self._next)
        return ended(self._first.raw)


def delimited(spec: Mapping[str, Any], place: str) -> Delimited:
    """The dialect that a description means; raises FormatError."""
    only(spec, place, MEMBERS)
    columns = columns_of(spec["columns"], f"{place}.columns", ()) if "columns" in spec else ()
    header = flag(spec, "header", place, not columns)
    if not columns and not header:
        raise FormatError(place, "no names of columns", "write `columns:`, or `header: true` where they are in line 1")
    quote = spec.get("quote", '"')
    charset = charset_of_lines(line(spec, "charset", place, "utf-8"))
    end = line(spec, "lineEnd", place, "crlf")
    if end not in ("lf", "crlf"):
        raise FormatError(f"{place}.lineEnd", "no line end", "write lf or crlf")
    found = Delimited(
        columns, header, charset, "\n" if end == "lf" else "\r\n", _sign(spec, "delimiter", place, ","),
        None if quote is None or quote == "none" else _sign(spec, "quote", place, '"'),
        _sign(spec, "escape", place, "") or None,
    )  # fmt: skip
    signs = [each for each in (found.delimiter, found.quote, found.escape) if each]
    if len(set(signs)) < len(signs):
        raise FormatError(place, "delimiter, quote and escape have to differ", "write another one")
    return found


def _sign(spec: Mapping[str, Any], name: str, place: str, usual: str) -> str:
    value = spec.get(name, usual)
    value = "\t" if value == "tab" else value
    if value == usual:
        return str(value)
    if not isinstance(value, str) or len(value) != 1 or value in "\r\n\0 " or not value.encode().isascii():
        raise FormatError(f"{place}.{name}", "no single sign", 'write one, in quotes: ";" or tab')
    return value


def _told(error: Exception) -> str:
    said = str(error)
    return "a quote is not closed" if said == "unexpected end of data" else said

"""Files of lines: which charsets let a line be found by its bytes, and reading line by line in bounded memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from connectors.codecs import charsets
from connectors.codecs.records.contract import MAX_RECORD_BYTES, FormatError, Position
from connectors.codecs.scalars import CodecError

TOO_LONG = f"it has more than {MAX_RECORD_BYTES} bytes"
_CHUNK = 64 * 1024


class Line(NamedTuple):
    """A line without its end, and where the next one begins."""

    raw: bytes
    at: Position
    next: Position
    too_long: bool = False


def charset_of_lines(name: str) -> str:
    """The charset as Python calls it; raises FormatError for one in which the byte of a line end means other things."""
    charset = known_charset(name)
    if charset.startswith(("utf-16", "utf-32", "iso2022")) or "\n".encode(charset) != b"\n":
        raise FormatError("charset", "its lines cannot be told by their bytes", "write the file in UTF-8")
    return "utf-8" if charset == "utf-8-sig" else charset


def known_charset(name: str) -> str:
    """The charset as Python calls it; raises FormatError."""
    try:
        return charsets.known(name)
    except CodecError:
        raise FormatError("charset", "not one that is known", "write utf-8, iso-8859-15 or cp1252") from None


def lines(source: BinaryIO, start: Position) -> Iterator[Line]:
    """The lines from `start` on; of one that is too long its beginning. `number` of a position stays that of `start`.

    A byte order mark of UTF-8 is no part of the first line.
    """
    source.seek(start.offset)
    number, offset, count = start
    while raw := source.readline(MAX_RECORD_BYTES + 1):
        at = Position(number, offset, count)
        offset += len(raw)
        count += 1
        too_long = len(raw) > MAX_RECORD_BYTES
        if too_long and not raw.endswith(b"\n"):
            offset += _skip(source)
        if at.offset == 0 and raw.startswith(codecs.BOM_UTF8):
            raw = raw[len(codecs.BOM_UTF8) :]
        yield Line(raw, at, Position(number, offset, count), too_long)


def ended(raw: bytes) -> bytes:
    """A line without its end."""
    if raw.endswith(b"\r\n"):
        return raw[:-2]
    return raw[:-1] if raw.endswith(b"\n") else raw


def decoded(raw: bytes, charset: str) -> str:
    """The text of a line; raises CodecError that says at which byte it is none."""
    try:
        return raw.decode(charset)
    except UnicodeDecodeError as error:
        raise CodecError(f"byte {error.start + 1} of the line is not {charset}") from None


def encoded(text: str, charset: str) -> bytes:
    """The text as bytes; raises CodecError."""
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        raise CodecError(f"it has characters that {charset} does not have") from None


def _skip(source: BinaryIO) -> int:
    """Goes behind the end of a line that is too long; gives the bytes."""
    passed = 0
    while part := source.readline(_CHUNK):
        passed += len(part)
        if part.endswith(b"\n"):
            break
    return passed

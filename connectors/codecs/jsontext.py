"""JSON as outside systems write it: in any charset, and never rounded or emptied in silence.

What a double cannot hold is no number here: `NaN` and `Infinity` are not JSON, and 1e400 would be infinite. A whole
number of more than 64 bits would be read as a double and lose digits, so it is refused.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from connectors.codecs import charsets
from connectors.codecs.scalars import CodecError

MAX_DEPTH = 254  # what orjson writes; it reads deeper
BITS_64 = range(-(2**63), 2**64)
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19  # the shortest whole number beyond 64 bits, and the sign, are longer


def read(body: bytes, charset: str | None = None) -> Any:
    """The value; raises CodecError."""
    body = _as_utf8(body, charset)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise CodecError(f"{_what(error)} at character {error.pos}") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _bound_depth(value)
    if _LONG in body.translate(_DIGITS_AS_ZEROS):
        json.loads(body, parse_int=_exact)
    return value


def write(value: Any, charset: str | None = None) -> bytes:
    """The text; raises CodecError."""
    try:
        body = orjson.dumps(value)
    except TypeError:
        raise CodecError("it cannot be written as JSON") from None
    return body if charset is None else charsets.encode(body.decode(), charset)


def _as_utf8(body: bytes, charset: str | None) -> bytes:
    """The body as orjson takes it. Without a mark and a charset, UTF-16 and UTF-32 show by their zeros (RFC 4627)."""
    if b"\0" in body[:4] and charsets.marked(body) is None:
        charset = json.detect_encoding(body)
    elif (charset is None or _is_utf8(charset)) and charsets.marked(body) is None:
        return body
    return charsets.decode(body, charset).encode()


def _what(error: orjson.JSONDecodeError) -> str:
    if "infinity" in error.msg:
        return "a number is too large"
    return f"nested deeper than {MAX_DEPTH} levels" if "depth" in error.msg else "not well-formed"


def _is_utf8(charset: str) -> bool:
    """Also for a charset that nobody knows: JSON has none beside UTF-8, whatever is said of it (RFC 8259, 11)."""
    try:
        return charsets.known(charset) == charsets.UTF8
    except CodecError:
        return True


def _bound_depth(value: Any) -> None:
    try:
        orjson.dumps(value)
    except TypeError:
        raise CodecError(f"nested deeper than {MAX_DEPTH} levels") from None


def _exact(digits: str) -> int:
    if len(digits) <= 20 and int(digits) in BITS_64:
        return 0
    raise CodecError("a whole number has more than 64 bits")

"""JSON as outside systems write it: in any charset, and otherwise as every door takes it."""

from __future__ import annotations

import json
from typing import Any

import orjson

from connectors.codecs import charsets
from connectors.codecs.scalars import CodecError
from schemas.jsontext import NoJsonError, UnfitDataError, parse


def read(body: bytes, charset: str | None = None) -> Any:
    """The value; raises CodecError."""
    body = _as_utf8(body, charset)
    try:
        return parse(body)
    except NoJsonError as error:
        raise CodecError(f"not well-formed: {error}") from None
    except UnfitDataError as error:
        raise CodecError(str(error)) from None


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


def _is_utf8(charset: str) -> bool:
    """Also for a charset that nobody knows: JSON has none beside UTF-8, whatever is said of it (RFC 8259, 11)."""
    try:
        return charsets.known(charset) == charsets.UTF8
    except CodecError:
        return True

"""Bodies by media type: JSON value ↔ bytes.

| media type | to the outside | from the outside |
|---|---|---|
| `application/json`, `+json` | any JSON value | any JSON value |
| `application/xml`, `text/xml`, `+xml` | object with one member, or XML as a string | object with one member |
| `application/x-www-form-urlencoded` | object of scalars or arrays of scalars | object; repeated names as array |
| `text/*` | a string (a number or boolean as text) | a string |
| anything else | a string, as UTF-8; or `{base64: ...}` | a string in Base64 |

Forms in parts are `multipart`'s, as they name a boundary. All else is in the charset that the media type names, UTF-8
unless it does; a byte order mark goes before. An empty body is null. Without a media type an answer is JSON if it
parses as such, else text. Reading takes time in proportion to the length of the body.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import Any

from connectors.codecs import charsets, forms, jsontext, multipart, xml_mapping
from connectors.codecs.scalars import CodecError, text

__all__ = ["FORM", "JSON", "CodecError", "decode", "encode", "parse", "text"]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}", re.ASCII)
_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|([^\s;\"]+))", re.IGNORECASE)
_XML_DECLARES = re.compile(r"\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")


def encode(value: Any, content_type: str) -> bytes:
    """The JSON value as a body; raises CodecError."""
    media_type, charset = parse(content_type)
    try:
        if _is(media_type, "json"):
            return jsontext.write(value, charset)
        if _is(media_type, "xml"):
            return _xml(value, charset)
        if media_type == FORM:
            return forms.write(value, charset)
        if isinstance(value, dict) and value.keys() == {"base64"} and not media_type.startswith("text/"):
            return multipart.octets(value)
        return charsets.encode(text(value), charset)
    except CodecError as error:
        raise CodecError(f"the body is not one of {media_type}: {error}") from None


def decode(body: bytes, content_type: str) -> Any:
    """The body as a JSON value; raises CodecError."""
    if not body:
        return None
    media_type, charset = parse(content_type)
    if media_type == "":
        return _guess(body)
    try:
        if _is(media_type, "json"):
            return jsontext.read(body, charset)
        if _is(media_type, "xml"):
            return xml_mapping.read(body, charset)
        if media_type == FORM:
            return forms.read(body, charset)
        return charsets.decode(body, charset) if media_type.startswith("text/") else base64.b64encode(body).decode()
    except CodecError as error:
        raise CodecError(f"the body cannot be read as {media_type}: {error}") from None


@lru_cache(maxsize=256)
def parse(content_type: str) -> tuple[str, str | None]:
    """Media type in lower case, and charset if there is one, of a Content-Type header.

    What is no media type counts as text (RFC 2045, 5.2); nothing is the empty one.
    """
    if not content_type.strip():
        return "", None
    media_type = content_type.partition(";")[0].strip().lower()
    found = _CHARSET.search(content_type)
    charset = (found[1] or found[2] or "").strip(" '") if found else ""
    return (media_type if _MEDIA_TYPE.fullmatch(media_type) else "text/plain"), charset or None


def _is(media_type: str, syntax: str) -> bool:
    return media_type.endswith((f"/{syntax}", f"+{syntax}"))


def _guess(body: bytes) -> Any:
    try:
        return jsontext.read(body)
    except CodecError as why:
        if str(why).startswith("a whole number"):
            raise CodecError(f"the body cannot be read as JSON: {why}") from None
    try:
        return charsets.decode(body, None)
    except CodecError:
        raise CodecError("the answer names no media type, and its body is neither JSON nor text in UTF-8") from None


def _xml(value: Any, charset: str | None) -> bytes:
    """XML that is written already goes out in the charset of the header, else in the one that it declares."""
    if not isinstance(value, str):
        return xml_mapping.write(value, charset)
    declared = _XML_DECLARES.match(value)
    return charsets.encode(value, charset or (declared[1] if declared else None))

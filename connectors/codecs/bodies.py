"""Bodies by media type: JSON value ↔ bytes.

| media type | to the outside | from the outside |
|---|---|---|
| `application/json`, `+json` | any JSON value | any JSON value |
| `application/xml`, `text/xml`, `+xml` | object with one member, or XML as a string | object with one member |
| `application/x-www-form-urlencoded` | object of scalars or arrays of scalars | object; repeated names as array |
| `text/*` | a string (a number or boolean as text) | a string |
| anything else | a string, as UTF-8 | a string in Base64 |

An empty body is null. Without a media type an answer is JSON if it parses as such, else text.
"""

from __future__ import annotations

import base64
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlencode

import orjson

from connectors.codecs import xml_mapping

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class CodecError(ValueError):
    """A body that cannot be written or read in its media type; the text holds nothing of the body."""


def encode(value: Any, content_type: str) -> bytes:
    """The JSON value as a body; raises CodecError."""
    media_type, charset = parse(content_type)
    try:
        if _is(media_type, "json"):
            return orjson.dumps(value)
        if _is(media_type, "xml"):
            return value.encode(charset) if isinstance(value, str) else xml_mapping.write(value, charset)
        if media_type == FORM:
            return _form(value).encode()
        return text(value).encode(charset)
    except (ValueError, LookupError, TypeError) as error:
        raise CodecError(f"the body is not one of {media_type}: {_safe(error)}") from None


def decode(body: bytes, content_type: str) -> Any:
    """The body as a JSON value; raises CodecError."""
    media_type, charset = parse(content_type)
    if not body:
        return None
    try:
        if _is(media_type, "json"):
            return orjson.loads(body)
        if _is(media_type, "xml"):
            return xml_mapping.read(body, charset if "charset" in content_type.lower() else None)
        if media_type == FORM:
            return _unform(body.decode())
        if media_type == "":
            return _guess(body)
        return body.decode(charset) if media_type.startswith("text/") else base64.b64encode(body).decode()
    except (ValueError, LookupError) as error:
        raise CodecError(f"the body is not {media_type}: {_safe(error)}") from None


def text(value: Any) -> str:
    """A scalar as headers, queries, forms and texts have it; raises ValueError for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("a string, number or boolean is expected")


def parse(content_type: str) -> tuple[str, str]:
    """Media type in lower case and charset (UTF-8 unless named) of a Content-Type header."""
    header = Message()
    header["Content-Type"] = content_type
    return (header.get_content_type() if content_type else ""), str(header.get_param("charset", "utf-8"))


def _is(media_type: str, syntax: str) -> bool:
    return media_type.endswith((f"/{syntax}", f"+{syntax}"))


def _guess(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return body.decode()


def _form(value: Any) -> str:
    if not isinstance(value, dict):
        raise ValueError("an object is expected")
    items = [(name, each) for name, many in value.items() for each in (many if isinstance(many, list) else [many])]
    return urlencode([(name, text(each)) for name, each in items])


def _unform(body: str) -> dict[str, Any]:
    found = parse_qs(body, keep_blank_values=True, strict_parsing=True)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _safe(error: Exception) -> str:
    """What was wrong, without the body: messages of our own are free of it, those of parsers may quote it."""
    if isinstance(error, xml_mapping.XmlError) or type(error) is ValueError:
        return str(error)
    if isinstance(error, orjson.JSONDecodeError):
        return f"not well-formed at character {error.pos}"
    return type(error).__name__

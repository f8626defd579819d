"""Forms in parts (`multipart/form-data`, RFC 7578): JSON value → bytes. Files are given by content, not by a path.

| part | goes out as |
|---|---|
| a text, a number, true or false | a field |
| `{content: ..., contentType: ..., filename: ...}` | a file, or a field of its own media type; `content` is a text |
| `{base64: ..., contentType: ..., filename: ...}` | the same, in bytes |
| a list of these | one part for each, of the same name |

The boundary is made of the content. So a form that is sent again is the same to the byte.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from connectors.codecs import charsets
from connectors.codecs.scalars import CodecError, text

MEDIA_TYPE = "multipart/form-data"
MOST_PARTS = 1_000
_MEMBERS = ({"content"}, {"base64"})
_MORE = {"contentType", "filename"}
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(;[\x20-\x7e]*)?", re.ASCII)
_ESCAPED = {'"': "%22", "\r": "%0D", "\n": "%0A"}  # as browsers write them (HTML, 4.10.21.8)


def write(value: Any) -> tuple[bytes, str]:
    """The form, and its boundary. Raises CodecError."""
    if not isinstance(value, dict) or not value:
        raise CodecError("it has no object of parts by name")
    parts = [part for name, given in value.items() for part in _parts(name, given)]
    if len(parts) > MOST_PARTS:
        raise CodecError(f"it has more than {MOST_PARTS} parts")
    boundary = "exlify-" + sha256(b"\0".join(parts)).hexdigest()[:40]
    line = boundary.encode()
    return b"".join(b"--%b\r\n%b\r\n" % (line, part) for part in parts) + b"--%b--\r\n" % line, boundary


def octets(value: Any) -> bytes:
    """The bytes that `{base64: ...}` means. Raises CodecError."""
    written = value["base64"]
    try:
        return base64.b64decode(written, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise CodecError("its base64 is none") from None


def _parts(name: str, given: Any) -> Iterator[bytes]:
    for each in given if isinstance(given, list) else (given,):
        if not isinstance(each, dict):
            yield _part(name, charsets.encode(text(each), None), {})
            continue
        if each.keys() - _MORE not in _MEMBERS:
            raise CodecError("a part has neither content nor base64, or more than contentType and filename beside it")
        content = octets(each) if "base64" in each else charsets.encode(text(each["content"]), None)
        yield _part(name, content, each)


def _part(name: str, content: bytes, more: dict[str, Any]) -> bytes:
    filename, kind = more.get("filename"), more.get("contentType")
    lines = [f'Content-Disposition: form-data; name="{_quoted(name)}"']
    if filename is not None:
        lines[0] += f'; filename="{_quoted(text(filename))}"'
    if kind is None and filename is not None:
        kind = "application/octet-stream"
    if kind is not None:
        if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
            raise CodecError("the contentType of a part is no media type")
        lines.append(f"Content-Type: {kind}")
    return charsets.encode("\r\n".join(lines), None) + b"\r\n\r\n" + content


def _quoted(name: str) -> str:
    return "".join(_ESCAPED.get(each, each) for each in name)

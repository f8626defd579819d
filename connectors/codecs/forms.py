"""Forms (`application/x-www-form-urlencoded`): names and values, as browsers and servers write them.

An object of scalars, or of lists of them, is a form. Coming back, all values are texts, and a name that occurs once is
no list. A name without `=` has the empty text, and nothing between two `&` is nothing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

from connectors.codecs import charsets
from connectors.codecs.scalars import CodecError, text


def write(value: Any, charset: str | None = None) -> bytes:
    """The form of an object; raises CodecError."""
    if not isinstance(value, dict):
        raise CodecError("an object is expected")
    items = [(name, each) for name, many in value.items() for each in (many if isinstance(many, list) else [many])]
    encoded = [(charsets.encode(name, charset), charsets.encode(text(each), charset)) for name, each in items]
    return urlencode(encoded).encode()


def read(body: bytes, charset: str | None = None) -> dict[str, Any]:
    """The object of a form; raises CodecError."""
    charset = charsets.known(charset or charsets.UTF8)
    form = charsets.decode(body, charset)
    members: dict[str, Any] = {}
    for field in form.split("&"):
        if field:
            name, _, value = field.partition("=")
            _add(members, _plain(name, charset), _plain(value, charset))
    return members


def _plain(part: str, charset: str) -> str:
    if "+" in part:
        part = part.replace("+", " ")
    if "%" not in part:
        return part
    try:
        return unquote_to_bytes(part.encode(charset)).decode(charset)
    except UnicodeError:
        raise CodecError(f"it is not {charset}") from None


def _add(members: dict[str, Any], name: str, value: str) -> None:
    if name not in members:
        members[name] = value
    elif isinstance(members[name], list):
        members[name].append(value)
    else:
        members[name] = [members[name], value]

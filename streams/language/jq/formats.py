"""The formats: `@json`, `@csv`, `@base64` and the others."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from streams.language.jq.library import JqError, builtins, ops
from streams.language.jq.meter import METER
from streams.language.jq.texts import json_text, text_of

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;", '"': "&quot;"})
_TSV = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_ESCAPES = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")


def _base64d(value: Any) -> str:
    text = text_of(value)
    if not _BASE64.fullmatch(text):
        raise JqError(f"{ops.type_name(value)} is not valid base64 data")
    data = text.rstrip("=")
    if len(data) % 4 == 1:
        raise JqError(f"{ops.type_name(value)} has a trailing base64 byte")
    return binascii.a2b_base64(data + "=" * (-len(data) % 4)).decode("utf-8", "replace")


def _urid(value: Any) -> str:
    text = text_of(value)
    try:
        if _ESCAPES.fullmatch(text):
            return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        pass
    raise JqError(f"{ops.type_name(value)} is not a valid uri encoding")


def _row(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise JqError(f"{ops.type_name(value)} cannot be {what}-formatted, only an array can be")
    return value


def _cell(value: Any, what: str) -> str:
    if isinstance(value, list | dict):
        raise JqError(f"{ops.type_name(value)} is not valid in a {what} row")
    return "" if value is None else json_text(value)


def _csv(value: Any) -> str:
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if isinstance(cell, str) else _cell(cell, "csv")
        for cell in _row(value, "csv")
    )


def _tsv(value: Any) -> str:
    return "\t".join(
        cell.translate(_TSV) if isinstance(cell, str) else _cell(cell, "tsv") for cell in _row(value, "tsv")
    )


def _sh(value: Any) -> str:
    return " ".join(map(_quoted, value)) if isinstance(value, list) else _quoted(value)


def _quoted(value: Any) -> str:
    if isinstance(value, list | dict):
        raise JqError(f"{ops.type_name(value)} can not be escaped for shell")
    return "'" + value.replace("'", "'\\''") + "'" if isinstance(value, str) else json_text(value)


FORMATS: dict[str, Callable[[Any], str]] = {
    "text": text_of,
    "json": json_text,
    "html": lambda value: text_of(value).translate(_HTML),
    "uri": lambda value: quote(text_of(value), safe="-_.~"),
    "urid": _urid,
    "csv": _csv,
    "tsv": _tsv,
    "sh": _sh,
    "base64": lambda value: base64.b64encode(text_of(value).encode()).decode(),
    "base64d": _base64d,
}
"""What each format makes of a value."""


_SLOW = frozenset(("uri", "urid", "html"))


def apply_format(name: str, value: Any) -> str:
    """The value in a format; raises `JqError` where it cannot be. Those that look at each character pay for it."""
    if name in _SLOW and type(value) is str:
        METER.spend(len(value) >> 4)
    return FORMATS[name](value)


def install() -> None:
    """Puts them in place of the library's."""
    builtins.apply_format = apply_format

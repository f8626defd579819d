"""Addresses with `{name}` in them (RFC 6570, simple expansion), filled from the scalars of the data.

A value fills what it is meant to fill and nothing else: `..`, `.` or nothing as a whole segment of the path would lead
to another resource, for whoever follows the address leaves such segments out. So they are errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from schemas.payload import Json
from streams.language.expressions import ExpressionError
from streams.language.jq.numbers import number_text

NAME = r"\w+(?:\.\w+)*"  # of RFC 6570; a dot is part of the name
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PATH = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^?#]*")  # up to the query; the host is a segment as well
_ELSEWHERE = ("", ".", "..")


class UriTemplate:
    """An address with `{name}` in it."""

    __slots__ = ("_path", "_rest", "text", "variables")

    def __init__(self, text: str) -> None:
        self.text = text
        self.variables: frozenset[str] = frozenset()
        path = _PATH.match(text)
        end = path.end() if path else 0
        # each a list of literal, name, literal, name, ..., literal
        self._path = [_PLACEHOLDER.split(segment) for segment in text[:end].split("/")]
        self._rest = _PLACEHOLDER.split(text[end:])

    @property
    def names(self) -> list[str]:
        """The names in braces."""
        return [name for parts in (*self._path, self._rest) for name in parts[1::2]]

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> str:
        """The address. A name that is missing or null gives nothing; a list or an object is an `ExpressionError`, and
        so is a segment of the path that leads elsewhere."""
        return "/".join(self._segment(parts, data) for parts in self._path) + self._filled(self._rest, data)

    def _segment(self, parts: list[str], data: Json) -> str:
        filled = self._filled(parts, data)
        if len(parts) > 1 and unquote(filled) in _ELSEWHERE:
            names = " and ".join(f"{{{name}}}" for name in parts[1::2])
            what = f"would be {filled}, which leads to another place" if filled else "would be empty"
            if not filled and len(parts) == 3 and _member(parts[1], data) is None:
                what = f"would be empty: the input of the task has no scalar {parts[1]} for the address"
            remedy = "give it a value with `input.from`, or test it with `if`"
            raise ExpressionError(self.text, f"the segment with {names} {what}; {remedy}")
        return filled

    def _filled(self, parts: list[str], data: Json) -> str:
        return "".join(self._text(part, data) if index % 2 else part for index, part in enumerate(parts))

    def _text(self, name: str, data: Json) -> str:
        value = _member(name, data)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return quote(number_text(value), safe="-._~")
        if isinstance(value, str):
            return quote(value, safe="-._~", errors="replace")
        kind = "a list" if isinstance(value, list) else "an object"
        raise ExpressionError(self.text, f"the input of the task has no scalar {name} for the address, but {kind}")


def _member(name: str, data: Json) -> Json:
    return data.get(name) if isinstance(data, dict) else None

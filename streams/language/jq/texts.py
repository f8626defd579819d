"""Values as text: what `tostring`, `tojson`, `join`, formats and texts with expressions in them write."""

from __future__ import annotations

import re
from typing import Any

import orjson

from streams.language.jq.numbers import number_text

# what is written otherwise than orjson does: whole doubles, and doubles with an exponent
_OTHER_NUMBER = re.compile(rb"[0-9](?:\.0(?![0-9])|e[-+]?[0-9])")
_FIXED = {None: "null", True: "true", False: "false"}


def json_text(value: Any) -> str:
    """The value as compact JSON."""
    kind = type(value)
    if kind is int or kind is float:
        return number_text(value)
    if kind is bool or value is None:
        return _FIXED[value]
    raw = orjson.dumps(value)
    if kind is not str and _OTHER_NUMBER.search(raw):
        raw = orjson.dumps(_with_written_numbers(value))
    return raw.decode()


def text_of(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if type(value) is str else json_text(value)


def _with_written_numbers(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return orjson.Fragment(number_text(value))
    if kind is list:
        return [_with_written_numbers(element) for element in value]
    if kind is dict:
        return {key: _with_written_numbers(member) for key, member in value.items()}
    return value

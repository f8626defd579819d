"""JSON as every door takes it: never rounded or emptied in silence, and never deeper than all that follows can write.

`NaN` and `Infinity` are not JSON, 1e400 would be infinite, and a whole number of more than 64 bits would be read as a
double and lose digits. What reads data deeply nested often cannot write it, and what comes after a door puts it into
objects of its own.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

MAX_LEVELS = 200  # of lists and objects in each other, in data that comes in by a door
_WRITABLE_LEVELS = 254  # by orjson, which reads deeper
_BITS_64 = range(-(2**63), 2**64)
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19  # the shortest whole number beyond 64 bits, and the sign, are longer

TOO_DEEP = f"nested deeper than {MAX_LEVELS} levels"


class NoJsonError(ValueError):
    """The bytes are no JSON. The text says where, and quotes nothing."""


class UnfitDataError(TypeError):
    """Data that is JSON, or could be, and that cannot be taken. The text says why, and quotes nothing."""


def parse(body: bytes | str, *, around: int = 0) -> Any:
    """The value; raises NoJsonError and UnfitDataError. `around` the data there may be some levels of an envelope."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "infinity" in error.msg:
            raise UnfitDataError("a number is too large") from None
        if "depth" in error.msg or "recursion" in error.msg.lower():
            raise UnfitDataError(TOO_DEEP) from None
        raise NoJsonError(f"{error.msg} (line {error.lineno}, column {error.colno})") from None
    raw = body.encode() if isinstance(body, str) else body
    if raw.count(b"[") + raw.count(b"{") > MAX_LEVELS:
        written(value, around=around)
    if _LONG in raw.translate(_DIGITS_AS_ZEROS):
        json.loads(raw, parse_int=_exact)
    return value


def written(value: Any, *, around: int = 0) -> bytes:
    """The value as JSON; raises UnfitDataError."""
    try:
        raw = orjson.dumps(value)
        if raw.count(b"[") + raw.count(b"{") <= MAX_LEVELS:
            return raw
        above = _WRITABLE_LEVELS - MAX_LEVELS - around
        nested = value
        for _ in range(above):  # so that the writer itself finds what is deeper
            nested = [nested]
        orjson.dumps(nested)
    except TypeError as error:
        told = TOO_DEEP if "ecursion" in str(error) else "it cannot be written as JSON"
        raise UnfitDataError(told) from None
    return raw


def _exact(digits: str) -> int:
    if len(digits) <= 20 and int(digits) in _BITS_64:
        return 0
    raise UnfitDataError("a whole number has more than 64 bits")


def text_at(document: Any, pointer: str | None) -> str | None:
    """The text or number at a JSON Pointer, as text; None if there is none."""
    value = document
    for part in (pointer or "").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, dict) else None
    return str(value) if pointer and isinstance(value, str | int) and str(value) else None

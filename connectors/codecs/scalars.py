"""How single values are written where there is no JSON: in headers, queries, forms, texts and XML."""

from __future__ import annotations

import math
from typing import Any

EXACT = 1e16  # from here on a double is written with an exponent anyway


class CodecError(ValueError):
    """A body that cannot be written or read in its media type; the text holds nothing of the body."""


def text(value: Any) -> str:
    """A scalar as text; raises CodecError for anything else.

    A number has one form, however it came about: 5.0 is "5", as it is in JSON for whoever reads it there.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)
    raise CodecError("a string, number or boolean is expected")

"""Values of columns as JSON: exact or not at all.

Dates and times are ISO 8601, bytes Base64, UUIDs and decimals texts, and so is a whole number beyond 64 bits: all of
them would lose something as anything else. What is not finite has no form in JSON, and is refused rather than emptied.
"""

from __future__ import annotations

import base64
import math
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any
from uuid import UUID

_FINITE = "a column holds NaN or Infinity, which JSON has not; give it as a text: CAST(x AS text)"


class ValueHasNoFormError(TypeError):
    """A value that has no form in JSON; the text tells its kind, and nothing of it."""


def to_json(value: Any) -> Any:
    """A column's value as a JSON value; raises ValueHasNoFormError for what has no form here."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else str(value)
    if kind is float:
        if math.isfinite(value):
            return value
        raise ValueHasNoFormError(_FINITE)
    if isinstance(value, (datetime, date, time_of_day)):
        return value.isoformat()
    return _other(value)


def size(value: Any) -> int:
    """About how many bytes the value takes, without making anything of it."""
    if isinstance(value, (str, bytes, bytearray)):
        return len(value)
    if isinstance(value, memoryview):
        return value.nbytes
    if isinstance(value, dict):
        return sum(len(str(name)) + size(each) for name, each in value.items())
    return 8 + sum(map(size, value)) if isinstance(value, (list, tuple)) else 8


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        if value.is_finite():
            return str(value)
        raise ValueHasNoFormError(_FINITE)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(name): to_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    raise ValueHasNoFormError(f"a column of type {type(value).__name__} has no form in JSON")

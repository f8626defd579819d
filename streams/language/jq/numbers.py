"""Numbers: exact up to 64 bits, doubles beyond, and written one way wherever they become text.

5 and 5.0 are one number to JSON, and somebody who reads "5.0" in a title or an address sees a fault. So what is whole
is a whole number here, whatever it was calculated from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from streams.language.jq.library import JqError

_MAX_INT = 2**64 - 1
_MIN_INT = -(2**63)
_WHOLE = 1e17  # whole doubles below it are written out with all their digits
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def finite(number: Any) -> int | float:
    """The number as JSON can hold it; raises `JqError` for NaN, infinity and complex numbers."""
    if type(number) is int and _MIN_INT <= number <= _MAX_INT:
        return number
    try:
        double = float(number)
    except (OverflowError, TypeError):
        raise JqError("the result is not a finite number") from None
    if not math.isfinite(double):
        raise JqError("the result is not a finite number")
    return int(double) if double.is_integer() and -_WHOLE < double < _WHOLE else double


def whole(value: Any) -> Any:
    """The value itself; a double that is a whole number as one."""
    if type(value) is float and value.is_integer() and -_WHOLE < value < _WHOLE:
        return int(value)
    return value


def number_text(number: int | float) -> str:
    """A number as it is written everywhere."""
    return repr(whole(number))


def parsed(text: str) -> int | float | None:
    """The number that a text is; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    return finite(int(text) if len(text) < 20 and text.lstrip("+-").isdigit() else _exact(text))


def _exact(text: str) -> int | float:
    digits = text.lstrip("+-")
    return int(text) if digits.isdigit() and len(digits) <= 20 else float(text)


def rounded(number: int | float) -> int | float:
    """To the nearest whole number, halves away from zero."""
    if type(number) is int:
        return number
    towards_zero = math.trunc(number)
    if abs(number - towards_zero) < 0.5:
        return towards_zero
    return towards_zero + (1 if number > 0 else -1)


NUMERIC: dict[str, Callable[[Any], Any]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round": rounded,
    "trunc": math.trunc,
    "fabs": abs,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "exp": math.exp,
    "exp2": lambda number: 2.0**number,
    "exp10": lambda number: 10.0**number,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
}
"""The functions of a number, by their names."""

"""Operators that keep what JSON can hold and what the meter allows.

jq counts in doubles; Python does not stop at 64 bits and knows NaN and infinity. Here whole numbers are exact up to
64 bits and become doubles beyond, and what is not a finite number is an error. Error texts name types and never
values.

Each operator comes plain, for expressions whose work is bounded by their own length, and metered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from streams.language.jq.library import JqError, ops
from streams.language.jq.meter import MAX_TEXT, METER, LimitError

_MAX_INT = 2**64 - 1
_MIN_INT = -(2**63)

Operator = Callable[[Any, Any], Any]


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
    return double


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _arithmetic(verb: str, operator: Operator) -> Operator:
    def apply(left: Any, right: Any) -> Any:
        if _is_number(left) and _is_number(right):
            return finite(operator(left, right))
        if left is not None and right is not None and not _fits(verb, left, right):
            raise JqError(f"{ops.type_name(left)} and {ops.type_name(right)} cannot be {verb}")
        return operator(left, right)

    return apply


def _fits(verb: str, left: Any, right: Any) -> bool:
    """Whether two values that are not both numbers may meet; asked first because the library's error texts quote the
    values."""
    if verb == "multiplied" and (_is_number(left) or _is_number(right)):
        return isinstance(left, str) or isinstance(right, str)
    if type(left) is not type(right):
        return False
    return {"added": (str, list, dict), "subtracted": (list,), "multiplied": (dict,), "divided": (str,)}[
        verb
    ].__contains__(type(left))


def _repeat_guard(operator: Operator) -> Operator:
    def multiply(left: Any, right: Any) -> Any:
        text, times = (left, right) if isinstance(left, str) else (right, left)
        if isinstance(text, str) and _is_number(times) and len(text) * times > MAX_TEXT:
            raise LimitError(f"makes a text of more than {MAX_TEXT:,} characters")
        return operator(left, right)

    return multiply


PLAIN: dict[str, Operator] = {
    "+": _arithmetic("added", ops.add_values),
    "-": _arithmetic("subtracted", ops.sub_values),
    "*": _repeat_guard(_arithmetic("multiplied", ops.mul_values)),
    "/": _arithmetic("divided", ops.div_values),
    "%": _arithmetic("divided", ops.mod_values),
}

_COMPARISONS: dict[str, Operator] = {
    "==": ops.values_equal,
    "!=": lambda left, right: not ops.values_equal(left, right),
    "<": lambda left, right: ops.jq_cmp(left, right) < 0,
    "<=": lambda left, right: ops.jq_cmp(left, right) <= 0,
    ">": lambda left, right: ops.jq_cmp(left, right) > 0,
    ">=": lambda left, right: ops.jq_cmp(left, right) >= 0,
}


def _metered_arithmetic(operator: Operator) -> Operator:
    def apply(left: Any, right: Any) -> Any:
        result = operator(left, right)
        if not _is_number(result):
            METER.made(result)
        return result

    return apply


def _metered_product(left: Any, right: Any) -> Any:
    if type(left) is dict and type(right) is dict:  # merged level by level
        METER.read(left)
        METER.read(right)
    result = PLAIN["*"](left, right)
    if not _is_number(result):
        METER.made(result)
    return result


def _metered_difference(left: Any, right: Any) -> Any:
    if type(left) is list and type(right) is list:  # every element of one is compared with every element of the other
        METER.spend(1 + (METER.weigh(left) * METER.weigh(right) >> 3))
    return PLAIN["-"](left, right)


def _metered_comparison(operator: Operator) -> Operator:
    def apply(left: Any, right: Any) -> Any:
        if isinstance(left, (list, dict)) and isinstance(right, (list, dict)):
            METER.spend(1 + (min(METER.weigh(left), METER.weigh(right)) >> 2))
        return operator(left, right)

    return apply


METERED: dict[str, Operator] = {
    **{symbol: _metered_arithmetic(operator) for symbol, operator in PLAIN.items()},
    "-": _metered_difference,
    "*": _metered_product,
    **{symbol: _metered_comparison(operator) for symbol, operator in _COMPARISONS.items()},
}

"""Operators that keep what JSON can hold and what the meter allows.

jq counts in doubles; Python does not stop at 64 bits and knows NaN and infinity. Here whole numbers are exact up to
64 bits and become doubles beyond, and what is not a finite number is an error. Error texts name types and never
values.

Each operator comes plain, for expressions whose work is bounded by their own length as long as their data is small,
and metered.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from streams.language.jq.library import JqError, ops
from streams.language.jq.meter import MAX_TEXT, METER, SMALL, HeavyError, LimitError
from streams.language.jq.numbers import finite

Operator = Callable[[Any, Any], Any]

_SIZED = frozenset((str, list, dict))
_CONTAINERS = frozenset((list, dict))
_NUMBERS = frozenset((int, float))
_KINDS = {"added": (str, list, dict), "subtracted": (list,), "multiplied": (dict,), "divided": (str,)}


def _arithmetic(verb: str, operator: Operator) -> Operator:
    def apply(left: Any, right: Any) -> Any:
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            return finite(operator(left, right))
        if left is not None and right is not None and not _fits(verb, left, right):
            raise JqError(f"{ops.type_name(left)} and {ops.type_name(right)} cannot be {verb}")
        return operator(left, right)

    return apply


def _fits(verb: str, left: Any, right: Any) -> bool:
    """Whether two values that are not both numbers may meet."""
    if verb == "multiplied" and (type(left) in _NUMBERS or type(right) in _NUMBERS):
        return isinstance(left, str) or isinstance(right, str)
    return type(left) is type(right) and type(left) in _KINDS[verb]


def _repeated(left: Any, right: Any) -> int:
    """The length of a text that is repeated; 0 for what is none."""
    text, times = (left, right) if type(left) is str else (right, left)
    return len(text) * times if type(text) is str and type(times) in _NUMBERS else 0


def _product(left: Any, right: Any) -> Any:
    if _repeated(left, right) > MAX_TEXT:
        raise LimitError(f"makes a text of more than {MAX_TEXT:,} characters")
    if left == "" or right == "":
        return "" if (right if left == "" else left) >= 0 else None
    return ops.mul_values(left, right)


_ARITHMETIC: dict[str, Operator] = {
    "+": _arithmetic("added", ops.add_values),
    "-": _arithmetic("subtracted", ops.sub_values),
    "*": _arithmetic("multiplied", _product),
    "/": _arithmetic("divided", ops.div_values),
    "%": _arithmetic("divided", ops.mod_values),
}


def equal(left: Any, right: Any) -> bool:
    """jq's `==`."""
    if type(left) is type(right) and type(left) not in _CONTAINERS:
        return bool(left == right)
    return bool(ops.values_equal(left, right))


_COMPARISONS: dict[str, Operator] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": lambda left, right: ops.jq_cmp(left, right) < 0,
    "<=": lambda left, right: ops.jq_cmp(left, right) <= 0,
    ">": lambda left, right: ops.jq_cmp(left, right) > 0,
    ">=": lambda left, right: ops.jq_cmp(left, right) >= 0,
}


_OF_NUMBERS: dict[str, Operator] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def _plain(operator: Operator) -> Operator:
    """Reads and makes what is small only."""

    def apply(left: Any, right: Any) -> Any:
        if (type(left) in _SIZED and len(left) > SMALL) or (type(right) in _SIZED and len(right) > SMALL):
            raise HeavyError
        return operator(left, right)

    return apply


def _plain_sum(left: Any, right: Any) -> Any:
    if type(left) is dict and type(right) is dict and len(left) <= SMALL and len(right) <= SMALL:
        return {**left, **right}
    return _OTHER_SUM(left, right)


_OTHER_SUM = _plain(_ARITHMETIC["+"])


def _plain_difference(left: Any, right: Any) -> Any:
    if type(left) in _CONTAINERS:
        raise HeavyError
    return _ARITHMETIC["-"](left, right)


def _plain_product(left: Any, right: Any) -> Any:
    if _repeated(left, right) > SMALL or type(left) is dict:
        raise HeavyError
    return _ARITHMETIC["*"](left, right)


def _plain_comparison(operator: Operator, of_numbers: Operator) -> Operator:
    """Of two lists or objects nobody knows how much is in them."""

    def compare(left: Any, right: Any) -> Any:
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            return of_numbers(left, right)
        if type(left) is type(right) and (
            type(left) in _CONTAINERS or (type(left) is str and len(left) > SMALL < len(right))
        ):
            raise HeavyError
        return operator(left, right)

    return compare


def _metered(operator: Operator) -> Operator:
    def apply(left: Any, right: Any) -> Any:
        result = operator(left, right)
        if type(result) not in _NUMBERS:
            METER.made(result)
        return result

    return apply


def _metered_product(left: Any, right: Any) -> Any:
    if type(left) is dict and type(right) is dict:  # merged level by level
        METER.read(left)
        METER.read(right)
    return _metered(_ARITHMETIC["*"])(left, right)


def _metered_difference(left: Any, right: Any) -> Any:
    if type(left) is list and type(right) is list:  # every element of one is compared with every element of the other
        METER.spend(1 + (METER.weigh(left) * METER.weigh(right) >> 3))
    return _ARITHMETIC["-"](left, right)


def _metered_quotient(left: Any, right: Any) -> Any:
    METER.touch(left)
    return _metered(_ARITHMETIC["/"])(left, right)


def _metered_comparison(operator: Operator) -> Operator:
    def compare(left: Any, right: Any) -> Any:
        if type(left) in _CONTAINERS and type(right) in _CONTAINERS:
            METER.spend(1 + (min(METER.weigh(left), METER.weigh(right)) >> 2))
        elif type(left) is str and type(right) is str:
            METER.spend(min(len(left), len(right)) >> 7)
        return operator(left, right)

    return compare


def negated(value: Any) -> Any:
    """jq's `-` before a value."""
    if type(value) not in _NUMBERS:
        raise JqError(f"{ops.type_name(value)} cannot be negated")
    return finite(-value)


ops.neg_value = negated

PLAIN: dict[str, Operator] = {
    **{symbol: _plain(operator) for symbol, operator in _ARITHMETIC.items()},
    "+": _plain_sum,
    "-": _plain_difference,
    "*": _plain_product,
    **{symbol: _plain_comparison(operator, _OF_NUMBERS[symbol]) for symbol, operator in _COMPARISONS.items()},
}
METERED: dict[str, Operator] = {
    **{symbol: _metered(operator) for symbol, operator in _ARITHMETIC.items()},
    "-": _metered_difference,
    "*": _metered_product,
    "/": _metered_quotient,
    **{symbol: _metered_comparison(operator) for symbol, operator in _COMPARISONS.items()},
}

"""Cells of a decision table: what a field has to be for a row to hold.

    checking_account: A11            equal
    purpose: [A40, A41]              one of
    amount_dm: '> 15000'             also >=, <, <=
    duration_months: '[12..36)'      from 12 to below 36
    housing: {not: [A151]}           anything else

A cell is a set of values, so whether two rows can hold together, or one takes all that another would, can be told
without any case. A field that is missing, or of another type than the cell speaks of, neither holds nor fails.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_COMPARED = re.compile(rf"(<=|>=|<|>)\s*({_NUMBER})")
_BETWEEN = re.compile(rf"([\[(])\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*([\])])")
_LIKE_A_CONDITION = re.compile(r"\s*[<>=!]|[\[(].*\.\.")
MAX_VALUES = 500

FORMS = "a value, a list of values, '> 5', '[1..5)' or {not: value}"


class CellError(ValueError):
    """A cell that cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`; an end that is open does not belong to it."""

    low: float
    low_open: bool
    high: float
    high_open: bool

    def holds(self, value: Any) -> bool | None:
        """Whether a value is in it; None for what is no number."""
        if type(value) not in (int, float) or value != value:
            return None
        above = value > self.low or (value == self.low and not self.low_open)
        return bool(above and (value < self.high or (value == self.high and not self.high_open)))

    def meets(self, other: Cell) -> bool:
        """Whether a number can be in both."""
        if isinstance(other, Listed):
            return other.meets(self)
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, high_closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return low < high or (low == high and not low_open and high_closed)

    def covers(self, other: Cell) -> bool:
        """Whether all of the other is in it."""
        if isinstance(other, Listed):
            return not other.excluded and all(kind == "number" and self.holds(value) for kind, value in other.values)
        return (self.low, self.low_open) <= (other.low, other.low_open) and (other.high, not other.high_open) <= (
            self.high,
            not self.high_open,
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """The values of a list, or, `excluded`, all others of their types."""

    values: frozenset[tuple[str, Any]]
    excluded: bool
    kinds: frozenset[str]

    def holds(self, value: Any) -> bool | None:
        """Whether a value is in it; None for one of a type that is not spoken of."""
        kind = _kind(value)
        if kind not in self.kinds:
            return None
        return ((kind, value) in self.values) != self.excluded

    def meets(self, other: Cell) -> bool:
        """Whether a value can be in both."""
        if isinstance(other, Range):
            if not self.excluded:
                return any(kind == "number" and other.holds(value) for kind, value in self.values)
            point = other.low == other.high
            return "number" in self.kinds and not (point and ("number", other.low) in self.values)
        if self.excluded and other.excluded:
            return bool(self.kinds & other.kinds)  # of numbers and texts there is always another one
        if self.excluded or other.excluded:
            listed, excluding = (other, self) if self.excluded else (self, other)
            return any(kind in excluding.kinds and (kind, v) not in excluding.values for kind, v in listed.values)
        return bool(self.values & other.values)

    def covers(self, other: Cell) -> bool:
        """Whether all of the other is in it."""
        if isinstance(other, Range):
            inside = any(kind == "number" and other.holds(value) for kind, value in self.values)
            if self.excluded:
                return "number" in self.kinds and not inside
            return other.low == other.high and inside
        if not self.excluded:
            return not other.excluded and other.values <= self.values
        if other.excluded:
            return other.kinds <= self.kinds and self.values <= other.values
        return all(kind in self.kinds and (kind, value) not in self.values for kind, value in other.values)


Cell = Range | Listed


def read_cell(written: Any) -> Cell:
    """What a cell says. Raises CellError."""
    if isinstance(written, Mapping):
        if set(written) != {"not"}:
            raise CellError("is an object without `not`")
        return _listed(written["not"], excluded=True)
    if isinstance(written, str):
        if compared := _COMPARED.fullmatch(written.strip()):
            return _compared(compared[1], _number(compared[2]))
        if between := _BETWEEN.fullmatch(written.strip()):
            found = Range(_number(between[2]), between[1] == "(", _number(between[3]), between[4] == ")")
            if not found.meets(found):
                raise CellError("is a range that nothing is in")
            return found
        if _LIKE_A_CONDITION.match(written):
            raise CellError("begins like a condition and is none")
    return _listed(written, excluded=False)


def _compared(operator: str, number: float) -> Range:
    if operator[0] == ">":
        return Range(number, operator == ">", math.inf, True)
    return Range(-math.inf, True, number, operator == "<")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise CellError("holds a number that is too large")
    return number


def _listed(written: Any, *, excluded: bool) -> Listed:
    values = written if isinstance(written, list | tuple) else [written]
    if not values:
        raise CellError("is an empty list")
    if len(values) > MAX_VALUES:
        raise CellError(f"lists more than {MAX_VALUES} values")
    found = [(_kind(value), value) for value in values]
    if any(kind == "" for kind, _ in found):
        raise CellError("holds something else than texts, numbers, true and false")
    return Listed(frozenset(found), excluded, frozenset(kind for kind, _ in found))


def _kind(value: Any) -> str:
    """Empty for what no cell speaks of."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number" if value == value else ""
    return "text" if isinstance(value, str) else ""

"""Durations of the language: an object of units, or a text of ISO 8601, in milliseconds."""

from __future__ import annotations

import re
from typing import Any

UNITS_MS = {"days": 86_400_000, "hours": 3_600_000, "minutes": 60_000, "seconds": 1_000, "milliseconds": 1}
MAX_MS = 100 * 366 * 86_400_000  # a century: beyond it a due time is a mistake and not a plan

_ISO = re.compile(
    r"P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_ISO_UNITS_MS = {**UNITS_MS, "weeks": 7 * UNITS_MS["days"]}


class DurationError(ValueError):
    """The value is not a duration; the text says what is wrong and what to write."""


def milliseconds(value: Any) -> int:
    """The duration in milliseconds, from 0 to a century; raises `DurationError`."""
    if isinstance(value, dict):
        total = _of_units(value)
    elif isinstance(value, str):
        total = _of_text(value)
    else:
        raise DurationError("a duration is an object such as {minutes: 5} or a text such as PT5M")
    if not 0 <= total <= MAX_MS:
        raise DurationError("a duration lies between 0 and 100 years")
    return round(total)


def _of_units(units: dict[str, Any]) -> float:
    unknown = [name for name in units if name not in UNITS_MS]
    if unknown or not units:
        raise DurationError(
            f"a duration has the units {', '.join(UNITS_MS)}" + (f", not {unknown[0]}" if unknown else "")
        )
    if any(type(amount) not in (int, float) for amount in units.values()):
        raise DurationError("the amounts of a duration are numbers")
    return float(sum(UNITS_MS[name] * amount for name, amount in units.items()))


def _of_text(text: str) -> float:
    found = _ISO.fullmatch(text)
    if found is None or text.endswith(("P", "T")):
        reason = (
            "years and months have no fixed length; use days"
            if re.fullmatch(r"P.*[YM].*", text.partition("T")[0])
            else "write PT5M, PT1H30M or P2D"
        )
        raise DurationError(f"not an ISO 8601 duration: {reason}")
    return sum(_ISO_UNITS_MS[name] * float(amount) for name, amount in found.groupdict().items() if amount)

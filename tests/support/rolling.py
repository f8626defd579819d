"""Rolling features by their definition alone: from everything that came, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from models.rolling.fold import DAY_MS, HOUR_MS, UNITS
from models.rolling.names import TOLD


class Event(NamedTuple):
    """Something that was counted: when it happened, and its amount in units."""

    at_ms: int
    amount: int


class Mark(NamedTuple):
    """That something was bad, and when that was known."""

    at_ms: int
    known_ms: int


def recomputed(events: Sequence[Event], marks: Sequence[Mark], at_ms: int, amount: int) -> list[float]:
    """What is told of a time where these events and marks had come."""
    today = at_ms // DAY_MS

    def within(happened: int, days: int, delay: int = 0) -> bool:
        return 0 <= today - happened // DAY_MS - delay < days

    def bad(days: int, delay: int) -> float:
        among = sum(within(each.at_ms, days, delay) for each in events)
        known = [each for each in marks if each.known_ms // DAY_MS <= today and within(each.at_ms, days, delay)]
        return min(1.0, len(known) / among) if among else 0.0

    def mean(among: Sequence[Event]) -> float:
        return sum(each.amount for each in among) / len(among) / UNITS if among else 0.0

    day = [each for each in events if 0 <= at_ms // HOUR_MS - each.at_ms // HOUR_MS < 24]
    week, month = ([each for each in events if within(each.at_ms, days)] for days in (7, 30))
    total = sum(each.amount for each in month)
    found = {"times_30d": amount * len(month) / total if total > 0 else 1.0}
    for name, among in (("1d", day), ("7d", week), ("30d", month)):
        found |= {f"count_{name}": float(len(among)), f"amount_{name}": mean(among)}
    for days in (7, 30):
        found |= {f"share_{days}d": bad(days, 0), f"risk_{days}d": bad(days, 7)}
    return [found[name] for name in TOLD]

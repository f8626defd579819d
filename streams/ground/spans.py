"""Lengths of time as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


def span(ms: int) -> str:
    """A length of time in the one or two units that matter."""
    ms = max(ms, 0)
    if ms < SECOND:
        return f"{ms} ms"
    if ms < MINUTE:
        return f"{ms / SECOND:.1f} s" if ms < 10 * SECOND else f"{ms // SECOND} s"
    if ms < HOUR:
        return _two(ms, MINUTE, "min", SECOND, "s") if ms < 10 * MINUTE else f"{ms // MINUTE} min"
    if ms < DAY:
        return _two(ms, HOUR, "h", MINUTE, "min")
    return _two(ms, DAY, "d", HOUR, "h") if ms < 30 * DAY else f"{ms // DAY} d"


def _two(ms: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = ms % large // small
    return f"{ms // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def percentile(spans: Sequence[int], percent: int) -> int | None:
    """What so many percent of the lengths do not exceed; None of none."""
    ordered = sorted(spans)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else None

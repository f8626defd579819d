"""One axis of time for all steps, on which long waiting is folded: six hours for a person, and the nineteen
milliseconds before it can be seen side by side, and the axis says so. Pure; places are percent of the width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from streams.console import words
from streams.console.account import HOLDERS, Step

FOLD_PERCENT = 13.0
MOST_FOLDED = 52.0
FOLDS_FROM_MS = 1_000
FOLDS_FROM_SHARE = 0.3  # of all that is not waiting
LEAST_BAR = 0.9
MAX_TICKS = 3  # texts of folds that have room


@dataclass(frozen=True, slots=True)
class Fold:
    """A stretch of waiting, drawn narrower than it was."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a step stands on the axis."""

    x: float
    width: float


class Axis:
    """The axis of an instance from its start until its end, or until now."""

    def __init__(self, steps: Sequence[Step], start_ms: int, end_ms: int) -> None:
        self._stretches = _stretches(steps, start_ms, max(end_ms, start_ms))
        busy = sum(end - begin for begin, end, idle in self._stretches if not idle)
        folded = [
            idle and end - begin >= max(FOLDS_FROM_MS, FOLDS_FROM_SHARE * busy) for begin, end, idle in self._stretches
        ]
        width = min(FOLD_PERCENT, MOST_FOLDED / max(1, sum(folded)))
        rest = 100.0 - width * sum(folded)
        plain = sum(e - b for (b, e, _), fold in zip(self._stretches, folded, strict=True) if not fold)
        if sum(folded) and plain == 0:
            width, rest = 100.0 / sum(folded), 0.0
        self.working_ms = busy
        self.folds: list[Fold] = []
        self._places: list[tuple[int, int, float, float]] = []
        x = 0.0
        for (begin, end, _), fold in zip(self._stretches, folded, strict=True):
            share = width if fold else (rest * (end - begin) / plain if plain else 0.0)
            if fold:
                self.folds.append(Fold(round(x, 2), round(share, 2), words.span(end - begin)))
            self._places.append((begin, end, x, share))
            x += share

    def bar(self, step: Step, now_ms: int) -> Bar:
        """The place of a step."""
        left = self._x(step.started_ms)
        right = self._x(step.started_ms + step.took_ms(now_ms))
        width = max(right - left, LEAST_BAR)
        return Bar(round(min(left, 100 - width), 2), round(width, 2))

    def _x(self, at_ms: int) -> float:
        for begin, end, x, share in self._places:
            if at_ms <= end:
                return x + (share * (max(at_ms, begin) - begin) / (end - begin) if end > begin else 0.0)
        return 100.0


def _stretches(steps: Sequence[Step], start_ms: int, end_ms: int) -> list[tuple[int, int, bool]]:
    """The time cut where waiting begins or ends; the third says whether everything waited."""
    leaves = [each for each in steps if each.kind not in HOLDERS and each.status != "skipped"]
    spans = [(max(each.started_ms, start_ms), min(each.ended_ms or end_ms, end_ms), each.idle) for each in leaves]
    changes: dict[int, list[int]] = {start_ms: [0, 0], end_ms: [0, 0]}
    for begin, end, idle in spans:
        if end > begin:
            changes.setdefault(begin, [0, 0])[idle] += 1
            changes.setdefault(end, [0, 0])[idle] -= 1
    found: list[tuple[int, int, bool]] = []
    busy = waiting = 0
    moments = sorted(changes)
    for at, following in pairwise(moments):
        busy, waiting = busy + changes[at][0], waiting + changes[at][1]
        idle = waiting > 0 and busy == 0
        if found and found[-1][2] == idle:
            found[-1] = (found[-1][0], following, idle)
        else:
            found.append((at, following, idle))
    return found

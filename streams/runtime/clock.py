"""The wall clock, and whether it has stepped: set by somebody, or gone on while the machine slept.

Rows fall due by the wall clock, and lanes sleep until then by the machine's own time, which no one sets and which
stands still while the machine sleeps. So once the two have gone apart, whoever sleeps has to look again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_S = 2.0  # how often a worker compares them
STEP_MS = 1_000  # less is a clock that is kept in time


def now_ms() -> int:
    """The time, for what is not part of any effect: waiting and measuring."""
    return time.time_ns() // 1_000_000


def passed_ms() -> int:
    """Time that has passed, from no point in particular."""
    return time.monotonic_ns() // 1_000_000


class ClockWatch:
    """Tells steps of the wall clock, forward and back, and slow ones once they have added up."""

    def __init__(self, wall_ms: Callable[[], int] = now_ms, steady_ms: Callable[[], int] = passed_ms) -> None:
        self._wall_ms = wall_ms
        self._steady_ms = steady_ms
        self._apart_ms = wall_ms() - steady_ms()

    def step_ms(self) -> int:
        """By how much the wall clock has stepped since the last step that was told; 0 where it has not."""
        step = self._wall_ms() - self._steady_ms() - self._apart_ms
        if abs(step) < STEP_MS:
            return 0
        self._apart_ms += step
        return step

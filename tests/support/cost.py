"""What a piece of work costs, in a unit that every machine has: rounds of an empty loop, done beside it.

For promises that no input is dear. Neither a slow machine nor a busy one makes the figure larger: the loop is as slow
as the work is, the collector (which looks at all that earlier tests left) is kept out, and the cheapest of some tries
counts, while work that is dear is dear each time.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

ROUNDS = 200_000
TRIES = 8


def costs_within(loops: float, work: Callable[[], object]) -> bool:
    """Whether the work, which must cost the same each time, takes less than so many million empty rounds."""
    return any(_loops(work) < loops for _ in range(TRIES))


def _loops(work: Callable[[], object]) -> float:
    gc.disable()
    try:
        before = _seconds(_empty)
        took = _seconds(work)
        unit = max(before, _seconds(_empty)) / ROUNDS
    finally:
        gc.enable()
    return took / unit / 1e6


def _seconds(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def _empty() -> None:
    for _ in range(ROUNDS):
        pass

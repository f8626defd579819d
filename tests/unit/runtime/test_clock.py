"""The clock: a step of it is noticed, and what has fallen due by it is fired at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import Codec
from streams.runtime.clock import STEP_MS, ClockWatch
from streams.runtime.crash import CrashPoint
from streams.runtime.due import HORIZON_MS
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import Limits
from streams.runtime.processor import Row
from streams.runtime.store import Store, encode_row
from streams.runtime.table import TablePartition
from tests.support.lanes import Echo, Flow, Outside, running, until

START_MS = 1_790_000_000_000


class Clock:
    """A wall clock beside time that passes."""

    def __init__(self) -> None:
        self.wall_ms, self.passed_ms = START_MS, 5

    def pass_(self, ms: int, slept_ms: int = 0) -> None:
        self.wall_ms += ms + slept_ms
        self.passed_ms += ms

    def watch(self) -> ClockWatch:
        return ClockWatch(lambda: self.wall_ms, lambda: self.passed_ms)


@given(st.lists(st.integers(0, 10**8), max_size=20))
def test_time_that_only_passes_is_no_step(lapses: list[int]) -> None:
    clock = Clock()
    watch = clock.watch()
    for lapse in lapses:
        clock.pass_(lapse)
        assert watch.step_ms() == 0


@pytest.mark.parametrize("step_ms", [STEP_MS, 3_300_000, -3_600_000, 10 * HORIZON_MS])
def test_step_is_told_once_for_each(step_ms: int) -> None:
    clock = Clock()
    watch = clock.watch()
    for _ in range(3):
        clock.pass_(2_000, slept_ms=step_ms)
        assert watch.step_ms() == step_ms
        assert watch.step_ms() == 0


def test_slow_drift_is_told_once_it_has_added_up() -> None:
    clock = Clock()
    watch = clock.watch()
    steps = []
    for _ in range(30):
        clock.pass_(2_000, slept_ms=100)
        steps.append(watch.step_ms())
    assert [step for step in steps if step] == [STEP_MS] * 3


@pytest.mark.parametrize("wait_ms", [50_000, HORIZON_MS - 1, 30 * HORIZON_MS], ids=["soon", "horizon", "beyond"])
async def test_row_overdue_after_a_step_fires_at_once(tmp_path: Path, wait_ms: int) -> None:
    clock, outside = Clock(), Outside()
    table = TablePartition(Store(tmp_path), outside, outside)  # type: ignore[arg-type]
    await table.recover(START_MS)
    table.store.apply({b"k": encode_row(Row(b"timer", START_MS + wait_ms))}, 1, 1)
    table.refill_due(START_MS)
    lane = FastLane(Echo(), 0, outside, Codec.offline(), Flow(), table, Limits(2, 100, 10_000), CrashPoint())
    lane.now_ms = lambda: clock.wall_ms
    async with running(lane):
        await until(lambda: lane._wake._waiters)
        assert outside.sent == []
        clock.pass_(0, slept_ms=wait_ms)
        lane.look_at_clock()
        await until(lambda: outside.sent == [b"due timer"])

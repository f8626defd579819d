"""A partition whose records cannot be used is held before all of them are parked; those that can be go on."""

from __future__ import annotations

import pytest

from schemas.codec import Codec
from streams.runtime import metrics
from streams.runtime.brake import WINDOW_S, Brake
from streams.runtime.crash import CrashPoint
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import Limits
from streams.runtime.processor import Record
from tests.support.lanes import INPUT, Flow, Kept, Reading, running, until


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_so_many_pass_in_a_minute_and_more_than_that_only_first() -> None:
    clock = Clock()
    brake = Brake(3, clock)
    assert [brake.wait_s(2), brake.wait_s(1)] == [0, 0]
    clock.now_s = 20
    assert brake.wait_s(1) == WINDOW_S - 20
    clock.now_s = WINDOW_S
    assert brake.wait_s(9) == 0
    assert brake.wait_s(1) == WINDOW_S


async def test_a_lane_stands_before_it_parks_too_much_and_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.lane.HELD_LOOK_S", 0.01)
    clock, outside = Clock(), Kept()
    lane = FastLane(Reading(), 0, outside, Codec.offline(), Flow(), None, Limits(2, 100, 10**9, 3), CrashPoint())
    lane.brake = Brake(3, clock)
    gauge = metrics.PARKING_HELD.labels("reading", "in")
    async with running(lane) as task:
        lane.deliver(INPUT, [Record("in", 0, number, 0, b"k", b"\x07bad") for number in range(6)])
        await until(lambda: gauge._value.get() == 1)
        assert (len(outside.outputs), lane.committable()) == (2, {INPUT: 2})
        clock.now_s = WINDOW_S
        await until(lambda: len(outside.outputs) == 4)
        clock.now_s = 2 * WINDOW_S
        await until(lambda: lane.committable() == {INPUT: 6})
        assert gauge._value.get() == 0
        assert not task.done()

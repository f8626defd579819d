"""Lanes: what is finished is written once, in order, and nothing is handed over that was handed over before."""

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.codec import Codec
from schemas.messages import TIMER_FIRED
from schemas.recordheaders import UNREADABLE
from schemas.registry import RegistryUnreachableError
from streams.runtime import metrics
from streams.runtime.crash import CrashPoint
from streams.runtime.epochs import LogRecord
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import Limits
from streams.runtime.processor import Effects, FastProcessor, Message, Record, Row, WritableState
from streams.runtime.slots import RESTING, Slots
from streams.runtime.store import Store
from streams.runtime.table import GivenUp, TablePartition
from tests.support.lanes import (
    FOREIGN,
    INPUT,
    ROOMY,
    Echo,
    Flow,
    Outside,
    Patient,
    Reading,
    fast_lane,
    records,
    running,
    slow_lane,
    until,
)
from tests.support.waiting import PATIENCE_S


async def test_record_that_is_read_twice_is_handled_once() -> None:
    outside = Outside()
    lane = fast_lane(outside, Flow())
    async with running(lane):
        lane.deliver(INPUT, records(5, 6, 7))
        lane.deliver(INPUT, records(6, 7, 8))
        lane.deliver(INPUT, records(7))
        await until(lambda: lane.committable() == {INPUT: 9})
    assert outside.sent == [b"k5", b"k6", b"k7", b"k8"]


@pytest.mark.parametrize("limits", [Limits(2, 4, 10_000), Limits(2, 100, 4)], ids=["records", "bytes"])
async def test_full_queue_pauses_its_partition_until_drained(limits: Limits) -> None:
    outside, flow = Outside(), Flow()
    outside.gate.clear()
    lane = fast_lane(outside, flow, limits)
    async with running(lane):
        lane.deliver(INPUT, records(*range(5)))
        assert flow.paused == {INPUT}
        outside.gate.set()
        await until(lambda: not flow.paused)


async def test_nothing_is_committable_before_it_is_sent() -> None:
    outside = Outside()
    outside.gate.clear()
    lane = fast_lane(outside, Flow())
    async with running(lane):
        lane.deliver(INPUT, records(3, 4))
        await until(lambda: not lane._queue)
        assert lane.committable() == {INPUT: 3}
        outside.gate.set()
        await until(lambda: lane.committable() == {INPUT: 5})


async def test_call_under_way_is_finished_when_stopped(tmp_path: Path) -> None:
    outside, patient = Outside(), Patient()
    lane = await slow_lane(patient, outside, tmp_path)
    async with running(lane) as task:
        lane.deliver(INPUT, records(0))
        await until(lambda: patient.started)
        lane.stop()
        patient.answers.set()
        await task
    assert outside.sent == [b"k0"]
    assert lane.committable() == {INPUT: 1}


async def test_no_call_is_made_while_results_cannot_be_written(tmp_path: Path) -> None:
    outside, patient = Outside(), Patient()
    outside.gate.clear()
    patient.answers.set()
    lane = await slow_lane(patient, outside, tmp_path)
    async with running(lane):
        lane.deliver(INPUT, records(*range(10)))
        await until(lambda: lane._flushing_since)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(patient.started) == patient.concurrency
        outside.gate.set()
        await until(lambda: lane.committable() == {INPUT: 10})


async def test_what_is_enough_to_tell_it_again_is_on_record_before_it_is_told(tmp_path: Path) -> None:
    class OnRecord(Patient):
        def on_record(self, effects: Effects) -> bool:
            return b"k0" in effects.changes

    outside, patient = Outside(), OnRecord()
    outside.gate.clear()
    patient.answers.set()
    lane = await slow_lane(patient, outside, tmp_path)
    table = lane._table
    assert table is not None
    async with running(lane):
        lane.deliver(INPUT, records(0, 1))
        await until(lambda: table.get(b"k0"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert (outside.sent, table.get(b"k1"), lane.committable()) == ([], None, {INPUT: 0})
        outside.gate.set()
        await until(lambda: lane.committable() == {INPUT: 2})
        assert table.get(b"k1") and set(outside.sent) == {b"k0", b"k1"}


async def test_ended_lane_gives_all_slots_back(tmp_path: Path) -> None:
    patient, slots = Patient(), Slots(2)
    lane = await slow_lane(patient, Outside(), tmp_path, slots)
    async with running(lane) as task:
        lane.deliver(INPUT, records(0, 1, 2))
        await until(lambda: slots.locked())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(PATIENCE_S):
        await slots.acquire()
        await slots.acquire()


async def test_lanes_begin_several_records_at_a_turn(tmp_path: Path) -> None:
    patient, slots = Patient(), Slots(8)
    lanes = [await slow_lane(patient, Outside(), tmp_path / name, slots) for name in "ab"]
    async with running(lanes[0]), running(lanes[1]):
        lanes[0].deliver(INPUT, records(*range(20)))
        lanes[1].deliver(INPUT, records(*range(100, 120)))
        await until(lambda: slots.locked())
        patient.answers.set()
        await until(lambda: len(patient.started) == 40)
    begun = [len(key or b"") > 3 for key in patient.started]  # by the second lane
    assert begun[0::2] == begun[1::2], "each turn is of one lane"
    assert all(one != next_ for one, next_ in pairwise(begun[8:32:2])), "and the next is the other's"


async def test_what_rests_leaves_its_slot_to_others_and_takes_one_again(tmp_path: Path) -> None:
    class Resting(Patient):
        turn = asyncio.Event()

        async def handle_one(self, message: Message, state: WritableState) -> Effects:
            if message.record.offset < RESTING:
                async with state.rest(message.record):
                    await self.turn.wait()
            return await super().handle_one(message, state)

    patient, outside = Resting(), Outside()
    lane = await slow_lane(patient, outside, tmp_path, Slots(1))
    async with running(lane):
        lane.deliver(INPUT, records(*range(5)))
        await until(lambda: patient.started)
        patient.turn.set()
        for _ in range(100):
            await asyncio.sleep(0)
        assert patient.started == [b"k%d" % RESTING], "one at a time"
        patient.answers.set()
        await until(lambda: lane.committable() == {INPUT: 5})
    assert set(patient.started) == {b"k0", b"k1", b"k2", b"k3", b"k4"}


async def test_what_rests_is_bounded(tmp_path: Path) -> None:
    class Resting(Patient):
        async def handle_one(self, message: Message, state: WritableState) -> Effects:
            async with state.rest(message.record):
                return await super().handle_one(message, state)

    patient = Resting()
    lane = await slow_lane(patient, Outside(), tmp_path, Slots(1))
    async with running(lane):
        lane.deliver(INPUT, records(*range(20)))
        for _ in range(200):
            await asyncio.sleep(0)
        assert len(patient.started) == 1 + RESTING
        patient.answers.set()
        await until(lambda: lane.committable() == {INPUT: 20})


async def test_a_message_that_says_how_long_it_takes_is_no_stall_until_then(tmp_path: Path) -> None:
    class Long(Patient):
        async def handle_one(self, message: Message, state: WritableState) -> Effects:
            if message.record.offset == 0:
                state.takes(300.0)
            return await super().handle_one(message, state)

    patient = Long()
    lane = await slow_lane(patient, Outside(), tmp_path)
    async with running(lane):
        began = time.monotonic()
        lane.deliver(INPUT, records(0))
        await until(lambda: patient.started)
        since = lane.waiting_since
        assert since is not None and began + 300 <= since <= time.monotonic() + 300
        lane.deliver(INPUT, records(1))
        await until(lambda: len(patient.started) == 2)
        beside = lane.waiting_since
        assert beside is not None and beside <= time.monotonic(), "the one beside it has said nothing"
        patient.answers.set()
        await until(lambda: lane.committable() == {INPUT: 2})
        assert lane.waiting_since is None


async def test_due_row_is_seen_as_last_written(tmp_path: Path) -> None:
    outside, patient = Outside(), Patient()
    patient.row = Row(b"fresh", due_ms=1)  # long past
    patient.answers.set()
    lane = await slow_lane(patient, outside, tmp_path)
    async with running(lane):
        lane.deliver(INPUT, records(0))
        await until(lambda: b"due fresh" in outside.sent)
        assert outside.sent == [b"k0", b"due fresh"]
        await until(lambda: lane.get(b"k0") is None)


@pytest.mark.parametrize("value", [FOREIGN, b"junk", b""], ids=["foreign schema id", "no frame", "nothing"])
async def test_unreadable_record_is_parked_and_counted(value: bytes) -> None:
    outside = Outside()
    before = _parked("reading")
    lane = FastLane(Reading(), 0, outside, Codec.offline(), Flow(), None, ROOMY, CrashPoint())
    good = Codec.offline().encode(TIMER_FIRED, {"instance_id": "a", "due_ms": 1})
    async with running(lane):
        lane.deliver(INPUT, [Record("in", 0, 0, 0, b"bad", value), Record("in", 0, 1, 0, b"good", good)])
        await until(lambda: lane.committable() == {INPUT: 2})
    assert sorted(outside.sent, key=str) == [b"bad", b"good"]
    assert _parked("reading") - before == 1


@pytest.mark.parametrize("kind", [Reading, Echo])
async def test_record_whose_headers_cannot_be_told_is_parked(kind: type[FastProcessor]) -> None:
    """By a processor, too, that reads values by itself: what the headers say of them is not known."""
    outside = Outside()
    lane = FastLane(kind(), 0, outside, Codec.offline(), Flow(), None, ROOMY, CrashPoint())
    before = _parked(kind.declaration.name)
    good = Codec.offline().encode(TIMER_FIRED, {"instance_id": "a", "due_ms": 1})
    async with running(lane):
        lane.deliver(
            INPUT,
            [Record("in", 0, 0, 0, b"bad", good, UNREADABLE), Record("in", 0, 1, 0, b"good", good, (("a", b""),))],
        )
        await until(lambda: lane.committable() == {INPUT: 2})
    assert sorted(outside.sent, key=str) == [b"bad", b"good"]
    assert _parked(kind.declaration.name) - before == 1


async def test_lane_waits_while_the_registry_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(Codec):
        """Its registry answers the second time that it is asked."""

        asked = 0

        async def learn(self, schema_id: int) -> None:
            self.asked += 1
            if self.asked == 1:
                raise RegistryUnreachableError("away")
            await super().learn(schema_id)

    monkeypatch.setattr("streams.runtime.lane.FIRST_PAUSE_S", 0.001)
    outside, codec = Outside(), Away.offline()
    lane = FastLane(Reading(), 0, outside, codec, Flow(), None, ROOMY, CrashPoint())
    async with running(lane):
        lane.deliver(INPUT, [Record("in", 0, 0, 0, b"bad", FOREIGN)])
        await until(lambda: lane.committable() == {INPUT: 1})
    assert (codec.asked, outside.sent) == (2, [b"bad"])


async def test_record_without_a_value_is_the_handlers_business() -> None:
    outside = Outside()
    lane = FastLane(Reading(), 0, outside, Codec.offline(), Flow(), None, ROOMY, CrashPoint())
    async with running(lane):
        lane.deliver(INPUT, [Record("in", 0, 0, 0, b"gone", None)])
        await until(lambda: outside.sent == [b"gone"])


def _parked(processor: str) -> float:
    return float(metrics.PARKED.labels(processor, "in")._value.get())


async def test_partition_that_is_taken_away_while_zombies_are_looked_for_ends_nobody(tmp_path: Path) -> None:
    class Taken(Outside):
        def read(self, start: int, end: int | None = None) -> Iterator[list[LogRecord]]:
            if table.epoch:
                raise GivenUp("taken away")
            yield from super().read(start, end)

    outside = Taken()
    table = TablePartition(Store(tmp_path), outside, outside)  # type: ignore[arg-type]
    await table.recover(0)
    lane = FastLane(Echo(), 0, outside, Codec.offline(), Flow(), table, ROOMY, CrashPoint())
    outside.records.append(LogRecord(1, b"k", b"of a zombie", 0))
    await lane.check_alone(2)
    with pytest.raises(GivenUp):
        await table.check_alone(2)

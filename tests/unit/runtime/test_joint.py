"""Group commit: what waits during a write goes out together; what need not wait does not."""

import asyncio
from pathlib import Path

import pytest

from streams.runtime.joint import Changes, JointWrites
from streams.runtime.processor import Effects, Message, Row, WritableState
from tests.support.lanes import INPUT, Outside, Patient, records, running, slow_lane, until


class Disk:
    """Writes when it is let, and remembers what went together."""

    def __init__(self) -> None:
        self.writes: list[Changes] = []
        self.turns = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def write(self, changes: Changes) -> None:
        self.writes.append(changes)
        await self.turns.acquire()
        if self.error is not None:
            raise self.error


async def test_what_comes_during_a_write_shares_the_next() -> None:
    disk = Disk()
    joint = JointWrites(disk.write)
    first = asyncio.create_task(joint.add({b"a": Row(b"1")}))
    await until(lambda: disk.writes)
    later = [asyncio.create_task(joint.add({key: Row(b"2")})) for key in (b"b", b"c", b"a")]
    await asyncio.sleep(0)
    assert not first.done()
    disk.turns.release()
    disk.turns.release()
    await asyncio.gather(first, *later)
    assert [set(each) for each in disk.writes] == [{b"a"}, {b"a", b"b", b"c"}]


async def test_nobody_goes_on_before_its_own_write_is_durable() -> None:
    disk = Disk()
    joint = JointWrites(disk.write)
    first = asyncio.create_task(joint.add({b"a": None}))
    await until(lambda: disk.writes)
    second = asyncio.create_task(joint.add({b"b": None}))
    await asyncio.sleep(0)
    disk.turns.release()
    await first
    await until(lambda: len(disk.writes) == 2)
    assert not second.done()
    disk.turns.release()
    await second


async def test_failed_write_fails_all_that_shared_it_and_all_that_follow() -> None:
    disk = Disk()
    disk.error = OSError("full")
    joint = JointWrites(disk.write)
    first = asyncio.create_task(joint.add({b"a": None}))
    await until(lambda: disk.writes)
    second = asyncio.create_task(joint.add({b"b": None}))
    await asyncio.sleep(0)
    disk.turns.release()
    for each in (first, second, joint.add({b"c": None})):
        with pytest.raises(OSError, match="full"):
            await each
    assert len(disk.writes) == 1


async def test_one_that_is_cancelled_takes_nobody_with_it() -> None:
    disk = Disk()
    joint = JointWrites(disk.write)
    first, second = (asyncio.create_task(joint.add({key: None})) for key in (b"a", b"b"))
    await until(lambda: disk.writes)
    first.cancel()
    disk.turns.release()
    await second
    assert set(disk.writes[0]) == {b"a", b"b"}


class Intending(Patient):
    """Writes an intent before it does anything, and counts what is on record by then."""

    concurrency = 8

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self.answers.set()
        self.outside = outside
        self.without_intent: list[bytes] = []

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        key = message.record.key or b""
        await state.write({b"intent " + key: Row(b"sent")})
        if b"intent " + key not in {record.key for record in self.outside.records}:
            self.without_intent.append(key)
        return await super().handle_one(message, state)


@pytest.mark.parametrize("count", [1, 8])
async def test_intents_and_results_of_a_lane_share_writes(tmp_path: Path, count: int) -> None:
    class Counting(Outside):
        appends = 0

        async def append(self, *arguments: object) -> object:  # type: ignore[override]
            self.appends += 1
            await asyncio.sleep(0)
            return await super().append(*arguments)  # type: ignore[arg-type]

    outside = Counting()
    processor = Intending(outside)
    lane = await slow_lane(processor, outside, tmp_path)
    fences = outside.appends
    async with running(lane):
        lane.deliver(INPUT, records(*range(count)))
        await until(lambda: lane.committable() == {INPUT: count})
    assert processor.without_intent == []
    assert outside.appends - fences <= 6, "each write for one record"
    assert outside.appends - fences >= 2

"""Lanes without Kafka: processors of each kind, a writer that keeps what it is given, and a lane that runs."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.codec import Codec
from streams.ground.topic import Keyed, Topic
from streams.runtime.crash import CrashPoint
from streams.runtime.declaration import Declaration
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import Lane, Limits
from streams.runtime.parking import PARKING
from streams.runtime.processor import (
    Effects,
    FastProcessor,
    Message,
    Output,
    Record,
    Row,
    SlowProcessor,
    StateView,
    WritableState,
)
from streams.runtime.reader import Partition
from streams.runtime.slots import Slots
from streams.runtime.slow_lane import SlowLane
from streams.runtime.store import Store
from streams.runtime.table import TablePartition
from tests.support.waiting import PATIENCE_S
from tests.unit.runtime.changelog import MemoryLog

ROOMY = Limits(2, 100, 10_000)
INPUT = Partition("in", 0)


def records(*offsets: int) -> list[Record]:
    return [Record("in", 0, offset, 0, b"k%d" % offset, b"v") for offset in offsets]


class Flow:
    """Notes what is paused."""

    def __init__(self) -> None:
        self.paused: set[Partition] = set()

    def pause(self, partition: Partition) -> None:
        self.paused.add(partition)

    def resume(self, partition: Partition) -> None:
        self.paused.remove(partition)


class Outside(MemoryLog):
    """A writer that keeps what is sent, after a gate has been opened."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes | None] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, outputs: Iterable[Output], partition: int) -> None:
        await self.gate.wait()
        self.sent += [output.key for output in outputs]


OUT = Topic(name="out", messages=(), keyed=Keyed.CAUSE)


class Echo(FastProcessor):
    """Fast: one output for each record."""

    declaration = Declaration(name="echo", summary="", worker="", make="")
    framed = False

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        return Effects([Output(OUT, message.record.key, b"") for message in batch], {})

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        return Effects([Output(OUT, b"due " + row.value, b"")], {key: None})


class Patient(SlowProcessor):
    """Slow: each record is answered when its time has come; remembers a row for each."""

    declaration = Declaration(name="patient", summary="", worker="", make="", table="t")
    framed = False
    concurrency = 2

    def __init__(self) -> None:
        self.started: list[bytes | None] = []
        self.answers = asyncio.Event()
        self.row = Row(b"row")

    on_due = Echo.on_due

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        key = message.record.key or b""
        self.started.append(key)
        await self.answers.wait()
        return Effects([Output(OUT, key, b"")], {key: self.row})


async def until(condition: object) -> None:
    """Lets the loop turn until something is so."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


@asynccontextmanager
async def running(lane: Lane) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(lane.run())
    yield task
    lane.stop()
    await asyncio.gather(task, return_exceptions=True)


async def slow_lane(processor: Patient, outside: Outside, folder: Path, slots: Slots | None = None) -> SlowLane:
    table = TablePartition(Store(folder), outside, outside)  # type: ignore[arg-type]
    await table.recover(0)
    return SlowLane(
        processor, 0, outside, Codec.offline(), Flow(), table, Limits(10, 100, 10_000), CrashPoint(),
        slots=slots or Slots(processor.concurrency),
    )  # fmt: skip


def fast_lane(outside: Outside, flow: Flow, limits: Limits = ROOMY) -> FastLane:
    return FastLane(Echo(), 0, outside, Codec.offline(), flow, None, limits, CrashPoint())


class Reading(Echo):
    """Fast, and of Avro."""

    declaration = Declaration(name="reading", summary="", worker="", make="")
    framed = True


FOREIGN = b"\x00\x00\x00\xff\xffzzz"  # framed by another registry


class Kept(Outside):
    """Keeps what is sent, whole."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[Output] = []

    async def send(self, outputs: Iterable[Output], partition: int) -> None:
        self.outputs += outputs

    def parked(self) -> dict[int, str]:
        """Reasons by offset."""
        headers = [dict(each.headers) for each in self.outputs if each.topic is PARKING]
        return {int(each["parked.offset"]): each["parked.reason"].decode() for each in headers}

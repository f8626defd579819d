"""Containment: a record that its processor cannot use is parked, and no other one waits for it."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import STEP_COMMAND, STEP_RESULT, TIMER_FIRED
from schemas.samples import sample
from schemas.steps import key_of
from streams.ground.topic import MAX_WRITTEN_BYTES, Keyed, Topic
from streams.runtime import once
from streams.runtime.clock import now_ms
from streams.runtime.crash import CrashPoint
from streams.runtime.declaration import Declaration
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import Limits
from streams.runtime.once import BeforeEffect, Steps
from streams.runtime.parking import PARKING
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Record, Row, StateView
from streams.runtime.slots import Slots
from streams.runtime.slow_lane import SlowLane
from streams.runtime.store import DamagedStoreError, Store
from streams.runtime.table import TablePartition
from streams.runtime.writer import DeliveryError
from tests.support.lanes import INPUT, Flow, Kept, running, until
from tests.unit.runtime.changelog import MemoryLog

OUT = Topic(name="out", messages=(), keyed=Keyed.CAUSE)
CODEC = Codec.offline()


class Counting(FastProcessor):
    """Counts each key; raises, or makes what cannot be written, where the value says so."""

    declaration = Declaration(name="counting", summary="", worker="", make="", table="t")
    framed = False

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        effects = Effects([], {})
        for message in batch:
            key, value = message.record.key or b"", message.record.value or b""
            if value.startswith(b"raise"):
                raise ValueError(value.decode())
            if value == b"damaged":
                raise DamagedStoreError("read")
            row = effects.changes[key] if key in effects.changes else state.get(key)
            count = int(row.value) + 1 if row else 1
            effects.changes[key] = Row(b"%d" % count)
            if value == b"when?":
                effects.changes[b"due before time began"] = Row(b"", -1)
            if value == b"row":
                effects.changes[b"row"] = Row(b"x" * (MAX_WRITTEN_BYTES + 1))
            if value == b"mine":
                effects.changes[b"\0position"] = Row(b"")
            size = MAX_WRITTEN_BYTES if value == b"output" else 0
            effects.outputs.append(Output(OUT, key, b"%d" % count + b"x" * size))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        raise ValueError("cannot be fired")


class Once(Steps):
    """Makes its effect, then fails."""

    declaration = Declaration(name="once", summary="", worker="", make="", table="t")
    concurrency = 4

    def __init__(self) -> None:
        super().__init__(CODEC, OUT)
        self.effects = 0

    async def carry_out(self, command: object, key: str, before_effect: BeforeEffect) -> dict[str, object]:
        await before_effect(False)
        self.effects += 1
        await asyncio.sleep(0)
        raise RuntimeError("a bug")


def records(values: Sequence[bytes], keys: Sequence[bytes] = (b"k",)) -> list[Record]:
    return [Record("in", 0, n, 0, keys[n % len(keys)], value) for n, value in enumerate(values)]


async def table(folder: Path, log: MemoryLog) -> TablePartition:
    made = TablePartition(Store(folder), log, log)  # type: ignore[arg-type]
    await made.recover(0)
    return made


async def counted(folder: Path, values: Sequence[bytes], batch: int = 10, keys: Sequence[bytes] = (b"k",)) -> Kept:
    outside = Kept()
    rows = await table(folder, outside)
    lane = FastLane(Counting(), 0, outside, CODEC, Flow(), rows, Limits(batch, 100, 10**9), CrashPoint())
    async with running(lane) as task:
        lane.deliver(INPUT, records(values, keys))
        await until(lambda: task.done() or lane.committable() == {INPUT: len(values)})
    rows.store.close()
    if task.done() and task.exception():
        raise task.exception()  # type: ignore[misc]
    return outside


async def test_record_that_raises_is_parked_alone(tmp_path: Path) -> None:
    outside = await counted(tmp_path, [b"", b"raise secret", b"", b""])
    assert [each.value for each in outside.outputs if each.topic is OUT] == [b"1", b"2", b"3"]
    assert outside.parked() == {1: "its handler raised ValueError"}


async def test_fault_is_told_once_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await counted(tmp_path, [b"", b"raise secret", b""])
    told = capsys.readouterr().out
    assert told.count("record cannot be used") == 1
    assert "in handle" in told and "secret" not in told


@pytest.mark.parametrize("value", [b"row", b"mine", b"output", b"when?"])
async def test_effects_that_no_topic_takes_park_their_record(tmp_path: Path, value: bytes) -> None:
    outside = await counted(tmp_path, [b"", value, b""])
    assert [each.value for each in outside.outputs if each.topic is OUT] == [b"1", b"2"]
    assert outside.parked() == {1: "its handler raised UnwritableError"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([b"", b"", b"raise", b"when?"]), min_size=1, max_size=20), st.integers(1, 7))
async def test_good_records_fare_as_without_bad_ones(values: list[bytes], batch: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = (b"a", b"b", b"c")
        outside = await counted(Path(folder), values, batch, keys)
    expected, counts = [], dict.fromkeys(keys, 0)
    for number, value in enumerate(values):
        if not value:
            counts[keys[number % 3]] += 1
            expected.append((keys[number % 3], b"%d" % counts[keys[number % 3]]))
    assert [(each.key, each.value) for each in outside.outputs if each.topic is OUT] == expected
    assert sorted(outside.parked()) == [number for number, value in enumerate(values) if value]


async def test_damaged_store_parks_nobodys_record(tmp_path: Path) -> None:
    with pytest.raises(DamagedStoreError):
        await counted(tmp_path, [b"", b"damaged"])


async def test_row_that_cannot_fire_stops_nobody(tmp_path: Path) -> None:
    outside = Kept()
    rows = await table(tmp_path, outside)
    rows.store.apply({b"late": b"\0" * 7 + b"\1" + b"1"}, 1, 1)
    rows.refill_due(0)
    lane = FastLane(Counting(), 0, outside, CODEC, Flow(), rows, Limits(10, 100, 10**9), CrashPoint())
    async with running(lane):
        lane.deliver(INPUT, records([b""]))
        await until(lambda: lane.committable() == {INPUT: 1})


def command(offset: int, attempt: int = 0) -> Record:
    data = {**sample(current()[STEP_COMMAND]), "attempt": attempt}
    return Record("in", 0, offset, now_ms(), b"k", CODEC.encode(STEP_COMMAND, data))


async def test_failing_step_is_parked_answered_and_not_repeated(tmp_path: Path) -> None:
    outside, processor = Kept(), Once()
    rows = await table(tmp_path, outside)
    lane = SlowLane(processor, 0, outside, CODEC, Flow(), rows, Limits(10, 100, 10**9), CrashPoint(), slots=Slots(4))
    async with running(lane):
        lane.deliver(INPUT, [command(0), command(1), command(2, attempt=1)])  # the second is the first once more
        await until(lambda: lane.committable() == {INPUT: 3})
        lane.deliver(INPUT, [command(3)])
        await until(lambda: lane.committable() == {INPUT: 4})
    _, data = CODEC.decode(command(0).value or b"")
    assert processor.effects == 2
    assert outside.parked() == dict.fromkeys(range(3), "its handler raised RuntimeError; an effect may have happened")
    answers = [CODEC.decode(each.value or b"") for each in outside.outputs if each.topic is OUT]
    assert {(name, each["error"]["effect"]) for name, each in answers} == {(STEP_RESULT, "unknown")}
    row = once._row(lane, key_of(data))
    assert row is not None and row.sent


async def test_failing_write_ends_the_lane_whoever_swallows_it(tmp_path: Path) -> None:
    class Swallowing(Once):
        async def carry_out(self, command: object, key: str, before_effect: BeforeEffect) -> dict[str, object]:
            try:
                await before_effect(False)
            except DeliveryError:
                raise RuntimeError("something else") from None
            return {}

    outside = Kept()
    rows = await table(tmp_path, outside)
    outside.fail_before = 1
    lane = SlowLane(Swallowing(), 0, outside, CODEC, Flow(), rows, Limits(10, 100, 10**9), CrashPoint(), slots=Slots(4))
    async with running(lane) as task:
        lane.deliver(INPUT, [command(0)])
        with pytest.raises(DeliveryError):
            await task
    assert not outside.parked()


LARGE = b"\0\0\0\xff\xff" + b"x" * 5_000_000


@pytest.mark.parametrize(
    ("record", "left_out"),
    [
        (Record("in", 0, 0, 7, b"k", LARGE, [("ce_id", b"1")]), b"value"),
        (Record("in", 0, 0, 7, b"k", b"\7", [("huge", LARGE)]), b"value, headers, end of the key"),
        (Record("in", 0, 0, 7, LARGE, b"\7"), b"value, headers, end of the key"),
    ],
    ids=["value", "header", "key"],
)
async def test_record_beyond_any_topic_is_parked_by_its_place(record: Record, left_out: bytes) -> None:
    class Reading(Counting):
        framed = True

    outside = Kept()
    lane = FastLane(Reading(), 0, outside, CODEC, Flow(), None, Limits(10, 100, 10**9), CrashPoint())
    good = CODEC.encode(TIMER_FIRED, {"instance_id": "a", "due_ms": 1})
    async with running(lane):
        lane.deliver(INPUT, [record, Record("in", 0, 1, 0, b"good", good)])
        await until(lambda: lane.committable() == {INPUT: 2})
    parked = next(each for each in outside.outputs if each.topic is PARKING)
    headers = dict(parked.headers)
    assert parked.value is None
    assert headers["parked.left_out"] == left_out
    assert (headers["parked.topic"], headers["parked.offset"]) == (b"in", b"0")
    assert len(headers["parked.value_sha256"]) == 64
    assert sum(len(name) + len(value) for name, value in parked.headers) + len(parked.key or b"") < MAX_WRITTEN_BYTES

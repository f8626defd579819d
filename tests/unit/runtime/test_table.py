"""Table partitions: whoever owns one last has the right rows, however many owners wrote, crashed and woke up again."""

import struct
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import rocksdict
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.runtime.epochs import FENCE_KEY, Superseded
from streams.runtime.processor import Row
from streams.runtime.store import Store, encode_row
from streams.runtime.table import MAX_STORE_AGE_MS, Changelog, GivenUp, TablePartition
from streams.runtime.writer import DeliveryError
from tests.unit.runtime.changelog import MemoryLog

Rows = dict[bytes, bytes]


def partition(log: MemoryLog, path: Path) -> TablePartition:
    return TablePartition(Store(path), log, log)  # type: ignore[arg-type]


async def owner(log: MemoryLog, path: Path) -> TablePartition:
    made = partition(log, path)
    await made.recover(0)
    return made


async def write(table: TablePartition, key: bytes, value: bytes) -> None:
    changes: dict[bytes, Row | None] = {key: Row(value)}
    encoded = [(key, encode_row(changes[key]))]
    await table.append(encoded)
    table.apply(changes, encoded)


def rows(table: TablePartition) -> Rows:
    return {key: row.value for key, row in table.store.rows()}


def compacted(log: MemoryLog) -> Rows:
    last = {record.key: record.value for record in log.records if record.key != FENCE_KEY}
    return {key: value[8:] for key, value in last.items() if value is not None}


async def test_zombie_record_is_overwritten_by_its_successor(tmp_path: Path) -> None:
    log = MemoryLog()
    zombie = await owner(log, tmp_path / "a")
    successor = await owner(log, tmp_path / "b")
    await write(successor, b"k", b"new")
    with pytest.raises(Superseded):
        await write(zombie, b"k", b"old")
    assert compacted(log) == {b"k": b"old"}
    await write(successor, b"other", b"x")
    assert compacted(log) == rows(successor) == {b"k": b"new", b"other": b"x"}


async def test_row_whose_tombstone_was_forgotten_does_not_come_back(tmp_path: Path) -> None:
    log = MemoryLog()
    first = await owner(log, tmp_path / "a")
    await write(first, b"gone", b"v")
    await write(first, b"kept", b"v")
    first.store.close()
    kept = encode_row(Row(b"v"))  # somewhere else the row is deleted, and compaction leaves no trace of it
    log.records = [each._replace(key=b"kept", value=kept) if each.key == b"gone" else each for each in log.records]
    late = partition(log, tmp_path / "a")
    await late.recover(time.time_ns() // 1_000_000 + MAX_STORE_AGE_MS + 1)
    assert rows(late) == {b"kept": b"v"}


async def test_store_of_an_earlier_version_is_made_anew(tmp_path: Path) -> None:
    log = MemoryLog()
    first = await owner(log, tmp_path / "a")
    await write(first, b"k", b"v")
    first.store.close()
    earlier = rocksdict.Rdict(str(tmp_path / "a"), rocksdict.Options(raw_mode=True))
    earlier.put(b"\x00position", struct.pack(">qq", log.bounds()[1], 1))
    earlier.put(b"stale", b"a row in a form that nobody knows any more")
    earlier.close()
    late = await owner(log, tmp_path / "a")
    assert rows(late) == {b"k": b"v"}


async def test_idle_successor_mends_what_it_finds(tmp_path: Path) -> None:
    log = MemoryLog()
    zombie = await owner(log, tmp_path / "a")
    successor = await owner(log, tmp_path / "b")
    await write(successor, b"k", b"new")
    with pytest.raises(Superseded):
        await write(zombie, b"k", b"old")
    await successor.check_alone(log.bounds()[1])
    assert compacted(log) == {b"k": b"new"}


async def test_superseded_owner_leaves_its_store_alone(tmp_path: Path) -> None:
    log = MemoryLog()
    zombie = await owner(log, tmp_path / "a")
    await owner(log, tmp_path / "b")
    with pytest.raises(Superseded):
        await write(zombie, b"k", b"old")
    assert rows(zombie) == {}


async def test_mending_that_was_interrupted_is_done_next_time(tmp_path: Path) -> None:
    log = MemoryLog()
    zombie = await owner(log, tmp_path / "a")
    successor = await owner(log, tmp_path / "b")
    await write(successor, b"k", b"new")
    with pytest.raises(Superseded):
        await write(zombie, b"k", b"old")
    successor.store.close()
    interrupted = partition(log, tmp_path / "b")
    log.fail_before = 2  # the fence gets through, the right value of the zombie's key does not
    with pytest.raises(DeliveryError):
        await interrupted.recover(0)
    interrupted.store.close()
    assert compacted(log) == {b"k": b"old"}
    await owner(log, tmp_path / "b")
    assert compacted(log) == {b"k": b"new"}


class Act(NamedTuple):
    """What happens next, to which owner."""

    what: str
    who: int
    key: bytes
    fail: str


acts = st.builds(
    Act,
    what=st.sampled_from(["take over", "write", "write", "write", "look"]),
    who=st.integers(0, 2),
    key=st.sampled_from([b"a", b"b"]),
    fail=st.sampled_from(["", "", "", "", "fail_before", "fail_after"]),
)


class History:
    """Owners with a store each, and what the rows must be: only writes of the newest epoch count."""

    def __init__(self, folder: Path) -> None:
        self._log = MemoryLog()
        self._folder = folder
        self._owners: dict[int, TablePartition] = {}
        self._expected: Rows = {}
        self._writes = 0

    async def perform(self, act: Act) -> None:
        """One act; an owner that fails or is superseded ends, as its process would."""
        if act.fail:
            setattr(self._log, act.fail, 1)
        try:
            await self._perform(act)
        except (Superseded, DeliveryError):
            self._end(act.who)
        self._log.fail_before = self._log.fail_after = 0

    async def _perform(self, act: Act) -> None:
        if act.what == "take over":
            self._end(act.who)
            self._owners[act.who] = partition(self._log, self._folder / str(act.who))
            await self._owners[act.who].recover(0)
        elif act.who in self._owners and act.what == "look":
            await self._owners[act.who].check_alone(self._log.bounds()[1])
        elif act.who in self._owners:
            self._writes += 1
            await self._write(self._owners[act.who], act.key, b"%d" % self._writes)

    async def _write(self, table: TablePartition, key: bytes, value: bytes) -> None:
        newest = max(record.epoch for record in self._log.records)
        before = len(self._log.records)
        try:
            await write(table, key, value)
        finally:
            if table.epoch == newest and len(self._log.records) > before:
                self._expected[key] = value

    def _end(self, who: int) -> None:
        table = self._owners.pop(who, None)
        if table is not None:
            table.store.close()

    async def check(self) -> None:
        """A new owner, on a new machine or on an old one, has the expected rows; so has the compacted log."""
        for name in ("new", "0"):
            self._end(0)
            last = await owner(self._log, self._folder / name)
            found = rows(last)
            last.store.close()
            assert found == self._expected == compacted(self._log)


@settings(max_examples=40, deadline=None)
@given(st.lists(acts, max_size=20))
async def test_last_owner_has_the_right_rows(sequence: list[Act]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        for act in sequence:
            await history.perform(act)
        await history.check()


class Returning(Consumer):
    """A broker that is back, and does not know yet that it leads."""

    def __init__(self, *codes: int) -> None:
        super().__init__({"group.id": "nobody"})
        self._codes = list(codes)

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = 0, cached: bool = False
    ) -> tuple[int, int]:
        if self._codes:
            raise KafkaException(KafkaError(self._codes.pop(0)))
        return (3, 7)


def changelog_of(name: str) -> Changelog:
    return Changelog(Settings(), Topic(name=name, messages=()), 0)


def test_a_broker_that_comes_back_is_asked_again() -> None:
    away = Returning(KafkaError._TRANSPORT, KafkaError.NOT_LEADER_FOR_PARTITION)
    assert changelog_of("log")._bounds(away) == (3, 7)


def test_what_does_not_pass_is_a_failure() -> None:
    with pytest.raises(KafkaException):
        changelog_of("log")._bounds(Returning(KafkaError.TOPIC_AUTHORIZATION_FAILED))


def test_nobody_asks_for_a_partition_that_is_not_wanted_any_more() -> None:
    given_up = changelog_of("log")
    given_up.closed = True
    with pytest.raises(GivenUp):
        given_up._bounds(Returning(KafkaError._TIMED_OUT))

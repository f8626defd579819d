"""One partition of a state table: the store, the changelog behind it, and the epoch that says who owns it.

A write goes to the changelog first and is awaited, then to the store together with its offset. While one owner
writes, the offsets that it gets back are contiguous. A gap means that somebody else wrote: a zombie of a lower epoch,
whose keys are written again, or the new owner, and then the zombie is this process, which must end without touching
its store (`epochs.Superseded`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.ground.kafka import client_config
from streams.ground.settings import Settings
from streams.ground.topic import DAY_MS, TOMBSTONES_KEPT_MS, Topic
from streams.runtime.due import DueIndex
from streams.runtime.epochs import (
    FENCE_KEY,
    EpochReader,
    LogRecord,
    Superseded,
    decode_epoch,
    encode_epoch,
    foreign_keys,
)
from streams.runtime.processor import Row
from streams.runtime.reader import Partition
from streams.runtime.recent import UNKNOWN, RecentRows
from streams.runtime.store import DamagedStoreError, Position, Store
from streams.runtime.threads import in_thread
from streams.runtime.writer import Writer, Written

REQUEST_S = 30.0
ASK_AGAIN_S = 0.2
# What a broker that is away, or has just come back, is told by; it passes.
PASSING = frozenset({
    KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.BROKER_NOT_AVAILABLE,
})  # fmt: skip
NOWHERE = Position(0, 0, 0)
MAX_STORE_AGE_MS = TOMBSTONES_KEPT_MS - DAY_MS
BATCH = 5_000  # changelog records applied in one store write during recovery

Encoded = bytes | None

log = structlog.get_logger()


class Changelog:
    """Reads one partition of a changelog, outside of any group."""

    def __init__(self, settings: Settings, topic: Topic, partition: int) -> None:
        self.topic = topic
        self.closed = False  # set from the event loop, seen by the reading thread
        self.partition = partition
        self._config = client_config(settings) | {
            "group.id": "changelog-reader",  # the client wants a name; nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
        }

    def bounds(self) -> tuple[int, int]:
        """First offset, and the one behind the last."""
        with _reading(self._config) as consumer:
            return self._bounds(consumer)

    def read(self, start: int, end: int | None = None) -> Iterator[list[LogRecord]]:
        """The records from `start` to before `end` (None: as of now), in batches."""
        with _reading(self._config) as consumer:
            stop = self._bounds(consumer)[1] if end is None else end
            if start >= stop:
                return
            consumer.assign([TopicPartition(self.topic.name, self.partition, start)])
            while self._position(consumer, start) < stop:
                self._check_wanted()
                batch = [_log_record(raw) for raw in consumer.consume(BATCH, timeout=0.05) if _usable(raw)]
                yield [record for record in batch if record.offset < stop]

    def _bounds(self, consumer: Consumer) -> tuple[int, int]:
        """Asks as long as the broker is away: its loss is nothing that a worker has to end for."""
        while True:
            try:
                place = TopicPartition(self.topic.name, self.partition)
                found: tuple[int, int] = consumer.get_watermark_offsets(place, timeout=REQUEST_S)
                return found
            except KafkaException as error:
                if error.args[0].code() not in PASSING:
                    raise
            self._check_wanted()
            time.sleep(ASK_AGAIN_S)

    def _check_wanted(self) -> None:
        if self.closed:
            raise GivenUp(f"{self.topic.name}[{self.partition}]")

    def _position(self, consumer: Consumer, start: int) -> int:
        found = consumer.position([TopicPartition(self.topic.name, self.partition)])[0].offset
        return start if found < 0 else int(found)


@contextmanager
def _reading(config: Mapping[str, object]) -> Iterator[Consumer]:
    consumer = Consumer(dict(config))
    try:
        yield consumer
    finally:
        consumer.close()


def _usable(raw: object) -> bool:
    error = raw.error()  # type: ignore[attr-defined]
    if error is not None and not (error.retriable() or error.code() in PASSING):
        raise KafkaException(error)
    return error is None


def _log_record(raw: object) -> LogRecord:
    return LogRecord(raw.offset(), raw.key(), raw.value(), decode_epoch(raw.headers()))  # type: ignore[attr-defined]


class GivenUp(Exception):  # a state of affairs, not a fault
    """The partition was taken away while its state was being recovered."""


class TablePartition:
    """Rows of one partition, durable and ours alone."""

    def __init__(self, store: Store, changelog: Changelog, writer: Writer) -> None:
        self.store = store
        self.due = DueIndex()
        self.epoch = 0
        self._recent = RecentRows()
        self._changelog = changelog
        self._writer = writer
        self._next_offset = 0

    def get(self, key: bytes) -> Row | None:
        """The row as last written."""
        row = self._recent.get(key)
        if row is UNKNOWN:
            row = self.store.get(key)
            self._recent.note(key, row)  # a step asks for its row again and again, above all for one that is not there
        return row

    async def recover(self, now_ms: int) -> int:
        """Applies what the changelog has beyond the store, takes the next epoch and fences off every earlier owner.

        A store that turns out to be damaged is made anew. Returns how many changelog records were read.
        """
        try:
            return await self._recover(now_ms)
        except DamagedStoreError as error:
            log.warning("store made anew", reason=str(error))
        await in_thread(self.store.clear)  # when nothing holds the damaged one any more, not even the error
        return await self._recover(now_ms)

    async def _recover(self, now_ms: int) -> int:
        reader = EpochReader()
        await in_thread(self._drop_useless_copy, now_ms)
        count = await in_thread(self._catch_up, reader)
        self.epoch = reader.highest + 1
        await self._append([(FENCE_KEY, str(self.epoch).encode())], reader)
        if reader.touched:
            await self._write_again(reader.touched)
        await in_thread(self.refill_due, now_ms)
        return count

    def give_up(self) -> None:
        """Ends a recovery that nobody waits for any more, so that its thread leaves the store alone."""
        self._changelog.closed = True

    def refill_due(self, now_ms: int) -> None:
        """Brings in the rows that fall due within the next horizon; scans the store, so not for the event loop."""
        self.due.refill(now_ms, self.store.dues())

    def _drop_useless_copy(self, now_ms: int) -> None:
        """Clears a store that the changelog cannot bring up to date: the log was made anew, or has forgotten what the
        store lacks; of rows deleted meanwhile the tombstones go first."""
        position = self.store.position
        if position is not None:
            first, last = self._changelog.bounds()
            known = first <= position.next_offset <= last
            if not known or now_ms - position.at_ms > MAX_STORE_AGE_MS:
                self.store.clear()

    def _catch_up(self, reader: EpochReader) -> int:
        first, last = self._changelog.bounds()
        next_offset, epoch, _ = self.store.position or NOWHERE
        reader.highest = max(reader.highest, epoch)
        count = 0
        for batch in self._changelog.read(max(next_offset, first), last):
            count += len(batch)
            self._take_in(reader, batch)
        self._next_offset = last
        if not reader.touched:
            self.store.apply({}, self._next_offset, reader.highest)
        return count

    def _take_in(self, reader: EpochReader, batch: Sequence[LogRecord]) -> None:
        """Applies records that count. The store's position stays before what a zombie wrote until that is mended.

        Otherwise a crash in between would leave the zombie's record the last of its key for good.
        """
        position = (self.store.position or NOWHERE).next_offset
        changes = {}
        for record in batch:
            if reader.accept(record):
                changes[record.key] = record.value
            if not reader.touched:
                position = record.offset + 1
        self.store.apply(changes, position, reader.highest)

    async def append(self, encoded: Sequence[tuple[bytes, Encoded]]) -> None:
        """First half of a write: the rows (see `encode_row`) are in the changelog. Raises Superseded, DeliveryError."""
        overwritten = await self._append(encoded, None)
        if overwritten:
            await self._write_again(overwritten, dict(encoded))

    def apply(self, changes: Mapping[bytes, Row | None], encoded: Sequence[tuple[bytes, Encoded]]) -> None:
        """Second half: they are in the store, together with their place in the changelog."""
        self.store.apply(encoded, self._next_offset, self.epoch)
        for key, row in changes.items():
            self._recent.note(key, row)
            self.due.note(key, 0 if row is None else row.due_ms)

    @property
    def partition(self) -> Partition:
        """The partition of the changelog."""
        return Partition(self._changelog.topic.name, self._changelog.partition)

    async def check_alone(self, last: int) -> None:
        """Looks whether somebody else has written, if `last` is where the log ends; mends it, or raises Superseded."""
        if last > self._next_offset:
            touched = await self._foreign_keys(self._next_offset, last)
            self._next_offset = last
            if touched:
                await self._write_again(touched)

    async def _append(self, encoded: Sequence[tuple[bytes, Encoded]], recovery: EpochReader | None) -> set[bytes]:
        """Appends records of ours; returns the keys that zombies wrote since we last looked."""
        written = await self._writer.append(
            self._changelog.topic, self._changelog.partition, encoded, encode_epoch(self.epoch)
        )
        gaps, end = _gaps(self._next_offset, written)
        touched: set[bytes] = set()
        for start, stop in gaps:
            if recovery is None:
                touched |= await self._foreign_keys(start, stop)
            else:
                await in_thread(self._catch_up_gap, recovery, start, stop)
        self._next_offset = end
        return touched

    def _catch_up_gap(self, reader: EpochReader, start: int, stop: int) -> None:
        """What others wrote between our reading to the end and our fence still counts, if its epoch does."""
        for batch in self._changelog.read(start, stop):
            for record in batch:
                if record.epoch >= self.epoch and record.key == FENCE_KEY:
                    raise Superseded(
                        f"{self._changelog.topic.name}[{self._changelog.partition}]: "
                        f"another owner took epoch {record.epoch}"
                    )
            self._take_in(reader, batch)

    async def _foreign_keys(self, start: int, stop: int) -> set[bytes]:
        return await in_thread(
            lambda: foreign_keys(
                (record for batch in self._changelog.read(start, stop) for record in batch), self.epoch
            )
        )

    async def _write_again(self, keys: Iterable[bytes], newer: Mapping[bytes, Encoded] | None = None) -> None:
        """Puts the right values behind those that a zombie wrote."""
        current = {key: self.store.get_raw(key) for key in sorted(keys)} | {
            key: value for key, value in (newer or {}).items() if key in keys
        }
        touched = await self._append(list(current.items()), None)
        if touched:
            await self._write_again(touched, newer)


class _Gap(NamedTuple):
    start: int
    stop: int


def _gaps(expected: int, written: Iterable[Written]) -> tuple[list[_Gap], int]:
    """Offsets between ours that are not ours, and the next offset that we expect."""
    gaps = []
    for first, records in written:
        if first > expected:
            gaps.append(_Gap(expected, first))
        expected = max(expected, first + records)
    return gaps, expected

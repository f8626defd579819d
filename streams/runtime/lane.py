"""A lane: one partition number of one processor, from its records to their commit, in the write order.

    outputs awaited → changelog awaited → store → acknowledgement → (group) commit

A lane takes the records of its number from all input topics of the processor, because they share one table partition.
Lanes run side by side; inside a lane there is one write at a time. Any failure ends the process (`worker.py`): what
was not committed comes again.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from schemas.recordheaders import UNREADABLE, WHY
from schemas.registry import RegistryError
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.runtime import metrics
from streams.runtime.brake import Brake
from streams.runtime.clock import now_ms
from streams.runtime.containment import NOT_THE_RECORD, check, tell, where
from streams.runtime.crash import CrashPoint
from streams.runtime.parking import PARKING, origin, parked
from streams.runtime.positions import Positions
from streams.runtime.processor import Effects, Message, Output, Processor, Record, Row
from streams.runtime.reader import Partition
from streams.runtime.store import encode_row
from streams.runtime.table import GivenUp, TablePartition
from streams.runtime.writer import Writer

DUE_BATCH = 200
FIRST_PAUSE_S = 0.5  # while the schema registry is away
LONGEST_PAUSE_S = 10.0
STANDS_S = 3.0  # a lane that waits for longer is told of
STUCK_S = 10.0  # and one that has work and finishes nothing
NOTHING = "", 0.0
HELD_LOOK_S = 1.0  # while too many records would be parked
RELEASE_AT = 0.75  # of what may wait: a lane must not run dry in the time a release takes (`reader.FETCH_WAIT_MS`)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one lane takes at once, and how much it lets wait."""

    batch_records: int
    buffered_records: int
    buffered_bytes: int
    parked_a_minute: int = 1_000


class Flow(Protocol):
    """Holds back and releases a partition's fetching."""

    def pause(self, partition: Partition) -> None:
        """No more for now."""
        ...

    def resume(self, partition: Partition) -> None:
        """Go on."""
        ...


class Lane(ABC):
    """What fast and slow lanes have in common: the queue, the positions and the write order."""

    _new_positions: type[Positions] = Positions
    now_ms: Callable[[], int] = staticmethod(now_ms)

    def __init__(
        self,
        processor: Processor,
        number: int,
        writer: Writer,
        codec: Codec,
        flow: Flow,
        table: TablePartition | None,
        limits: Limits,
        crash: CrashPoint,
    ) -> None:
        self.number = number
        self.positions: dict[Partition, Positions] = {}
        self.last_progress = time.monotonic()
        self._processor = processor
        self._name = processor.declaration.name
        self._writer = writer
        self._codec = codec
        needed = processor.fields()
        self._read = codec.decode if needed is None else codec.sparing(needed)
        self._flow = flow
        self._table = table
        self._limits = limits
        self._crash = crash
        self.brake = Brake(limits.parked_a_minute)
        self._queue: deque[Record] = deque()
        self._queue_bytes = 0
        self._paused: set[Partition] = set()
        self._waiting_for = NOTHING
        self._wake = asyncio.Event()
        self._stopping = False
        self._writing = asyncio.Lock()  # one write at a time, so that the offsets we get back are contiguous

    # --- from the reader

    def deliver(self, partition: Partition, records: Sequence[Record]) -> None:
        """Takes records in; holds the partition back when too many wait."""
        if partition not in self.positions:
            self.positions[partition] = self._new_positions()
        positions = self.positions[partition]
        if records[0].offset < positions.next:  # the client read it again, after a pause or a new connection
            records = [record for record in records if record.offset >= positions.next]
        positions.hand_out([record.offset for record in records])
        if not self._queue:
            self.last_progress = time.monotonic()
        self._queue.extend(records)
        self._queue_bytes += _size_bytes(records)
        if self._fullness() > 1 and partition not in self._paused:
            self._paused.add(partition)
            self._flow.pause(partition)
        self._wake.set()

    def _fullness(self) -> float:
        """How much of what may wait is waiting: 1 at the limit."""
        limits = self._limits
        return max(len(self._queue) / limits.buffered_records, self._queue_bytes / limits.buffered_bytes)

    def _release(self) -> None:
        if self._paused and self._fullness() < RELEASE_AT:
            for partition in self._paused:
                self._flow.resume(partition)
            self._paused.clear()

    def _next_records(self, limit: int) -> list[Record]:
        count = min(limit, len(self._queue))
        records = [self._queue.popleft() for _ in range(count)]
        self._queue_bytes -= _size_bytes(records)
        self._release()
        return records

    # --- to the group

    def committable(self) -> dict[Partition, int]:
        """The position of every input partition that has one."""
        found = ((partition, positions.committable) for partition, positions in self.positions.items())
        return {partition: offset for partition, offset in found if offset is not None}

    @property
    def busy(self) -> bool:
        """Whether something waits to be finished."""
        return any(positions.unfinished for positions in self.positions.values())

    @abstractmethod
    async def run(self) -> None:
        """Works until it is stopped; raises what a handler or the runtime raises."""

    @property
    def waiting_since(self) -> float | None:
        """Since when (monotonic seconds) something has been waiting to be finished; None where nothing is."""
        return self.last_progress if self.busy else None

    def stop(self) -> None:
        """Asks the lane to end after what is under way."""
        self._stopping = True
        self._wake.set()

    def stands(self, now: float) -> str | None:
        """Why nothing moves although there is work, if that has been so for a while; `now` is monotonic."""
        waiting_for, since = self._waiting_for
        if waiting_for and now - since > STANDS_S:
            return f"lane {self.number} waits: {waiting_for}"
        moved_at = self._should_have_moved_since
        return f"lane {self.number} does not move" if moved_at is not None and now - moved_at > STUCK_S else None

    @property
    def _should_have_moved_since(self) -> float | None:
        return self.waiting_since

    def look_at_clock(self) -> None:
        """The wall clock has stepped: what falls due may be due now."""
        self._wake.set()

    async def check_alone(self, end_offset: int) -> None:
        """Looks for records of zombies in the changelog of an idle lane, if `end_offset` is where it ended just now;
        where its partition is taken away meanwhile, that is the next owner's to do."""
        if self._table is not None and not self.busy:
            async with self._writing:
                with suppress(GivenUp):
                    await self._table.check_alone(end_offset)

    # --- the way of a batch

    async def _decode(self, records: Iterable[Record]) -> tuple[list[Message], list[Output]]:
        """What the records say, for every processor alike; what no decoder can read is parked."""
        messages, unreadable = [], []
        for record in records:
            if record.headers is UNREADABLE:
                unreadable.append(parked(record, self._name, WHY))
                continue
            if record.value is None or not self._processor.framed:
                messages.append(Message(record, "", {}))
                continue
            if len(record.value) > MAX_WRITTEN_BYTES:  # nothing that a topic of ours takes can be made of it
                unreadable.append(parked(record, self._name, "it is larger than a record may be"))
                continue
            try:
                try:
                    decoded = self._read(record.value)
                except UnknownSchemaId:  # to be learnt; a coroutine for each record that is known would cost them all
                    decoded = await self._decode_value(record.value)
                messages.append(Message(record, *decoded))
            except UndecodableRecord as error:
                unreadable.append(parked(record, self._name, error.reason))
            except NOT_THE_RECORD:
                raise
            except Exception as error:  # noqa: BLE001  # a foreign schema can make a decoder fail in any way
                tell(self._name, record, error)
                unreadable.append(parked(record, self._name, f"its decoder raised {type(error).__name__}"))
        return messages, unreadable

    async def _decode_value(self, value: bytes) -> tuple[str, dict[str, object]]:
        """As the codec. While the registry is away nothing is known of the record: it waits, and its lane with it."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._codec.decode_learning(value)
            except RegistryError as error:
                log.warning("registry away", processor=self._name, lane=self.number, reason=str(error))
                self._waits_for_others("the schema registry does not answer")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _hold_back(self, outputs: Iterable[Output]) -> None:
        """Waits while more would be parked than may be in a minute: nothing of it is written, and nothing is lost."""
        topics = [origin(each) for each in outputs if each.topic is PARKING]
        if not topics or not (wait_s := self.brake.wait_s(len(topics))):
            return
        held = [metrics.PARKING_HELD.labels(self._name, topic) for topic in set(topics)]
        log.error("too much would be parked", processor=self._name, lane=self.number, topics=sorted(set(topics)))
        for each in held:
            each.inc()
        try:
            while wait_s and not self._stopping:
                self._waits_for_others(f"more than {self._limits.parked_a_minute} records a minute would be parked")
                await asyncio.sleep(min(wait_s, HELD_LOOK_S))
                wait_s = self.brake.wait_s(len(topics))
        finally:
            for each in held:
                each.dec()

    async def _make_durable(self, effects: Effects) -> None:
        self._reach("after_handle")
        if effects.outputs:
            await self._writer.send(effects.outputs, self.number)
            self._count_parked(effects.outputs)
        self._reach("after_outputs")
        if effects.changes and self._table is not None:
            await self._write(effects.changes)
        for count in effects.counts:
            count()

    def _waits_for_others(self, what: str) -> None:
        """Waiting for a server that is away is no stall; it is told by `stands` until something is finished."""
        self.last_progress = time.monotonic()
        waiting_for, since = self._waiting_for
        self._waiting_for = what, since if waiting_for else self.last_progress

    def _count_parked(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if output.topic is PARKING:
                metrics.PARKED.labels(self._name, origin(output)).inc()

    async def _write(self, changes: dict[bytes, Row | None]) -> None:
        assert self._table is not None
        encoded = [(key, encode_row(row)) for key, row in changes.items()]
        async with self._writing:
            await self._table.append(encoded)
            self._reach("after_changelog")
            self._table.apply(changes, encoded)
        self._reach("after_store")

    def _acknowledge(self, records: Iterable[Record]) -> None:
        offsets: dict[str, list[int]] = {}
        for record in records:
            offsets.setdefault(record.topic, []).append(record.offset)
        for topic, finished in offsets.items():
            self.positions[Partition(topic, self.number)].finish(finished)
            metrics.records_of(self._name, topic).inc(len(finished))
        self.last_progress = time.monotonic()
        self._waiting_for = NOTHING
        self._reach("after_acknowledge")

    def _reach(self, point: str) -> None:
        if self._crash.armed:
            self._crash.reach(self._name, point)

    # --- waiting

    async def _wait(self) -> None:
        """Until records arrive, a row falls due or somebody wakes the lane."""
        self._wake.clear()
        delay_s = self._seconds_to_next_due()
        if delay_s is None:
            await self._wake.wait()
            return
        timer = asyncio.get_running_loop().call_later(delay_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _seconds_to_next_due(self) -> float | None:
        next_ms = self._table.due.next_ms() if self._table is not None else None
        return None if next_ms is None else max(0.001, (next_ms - self.now_ms()) / 1_000)

    async def _fire_due(self) -> None:
        """After what was handled is durable, so that rows are seen as they are now."""
        effects = await self._due_effects()
        if effects is not None:
            await self._make_durable(effects)

    async def _due_effects(self) -> Effects | None:
        """Effects of the rows whose time has come; None if there are none."""
        if self._table is None:
            return None
        now = self.now_ms()
        if now >= self._table.due.horizon_ms:
            async with self._writing:  # a row written meanwhile would be noted, and forgotten by the refill
                await asyncio.to_thread(self._table.refill_due, now)
        effects = Effects([], {})
        for key in self._table.due.take(now, DUE_BATCH):
            row = self._row(key)
            if row is not None and 0 < row.due_ms <= now:
                more = self._due_row(key, row, now)
                effects.add(more)
                if self._processor.offered_again_ms and key not in more.changes:
                    self._table.due.note(key, now + self._processor.offered_again_ms)
        return effects if effects.outputs or effects.changes else None

    def _row(self, key: bytes) -> Row | None:
        return self._table.get(key) if self._table is not None else None

    def _due_row(self, key: bytes, row: Row, now: int) -> Effects:
        """As the processor says. A row that it cannot use is offered again like any other that stays due."""
        try:
            effects = self._processor.on_due(key, row, now)
            check(effects)
        except NOT_THE_RECORD:
            raise
        except Exception as error:  # noqa: BLE001  # one row must not stop the others
            log.error("row cannot be used", processor=self._name, lane=self.number, **where(error))
            return Effects([], {})
        return effects


def _size_bytes(records: Iterable[Record]) -> int:
    """Of the values, which are nearly all of it."""
    return sum(len(record.value) for record in records if record.value is not None)

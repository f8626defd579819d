"""The lane of a processor that waits for others: many messages at a time, finished in any order, written together.

What has come of a message may be another thing if it is handled again, so it goes on record before it is told where the
record is enough to tell it again (`SlowProcessor.on_record`). All else is written like in any lane: outputs first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from streams.runtime.containment import NOT_THE_RECORD, check, condemned, set_aside
from streams.runtime.court import GUILTY, Court
from streams.runtime.decided import Decided
from streams.runtime.in_flight import NOTHING_NOTED, TRIED_AFTER, InFlight
from streams.runtime.joint import JointWrites
from streams.runtime.lane import Lane
from streams.runtime.processor import Effects, Message, Record, Row, SlowProcessor
from streams.runtime.reader import Partition
from streams.runtime.recent import UNKNOWN
from streams.runtime.slots import Slots
from streams.runtime.trial import WAIT_S

MAY_HAVE_HAPPENED = "; an effect may have happened"
FINISH_S = 25.0  # for calls under way when a lane is stopped; less than the host waits for the lane


class SlowLane(Lane):
    """Many messages at a time; whatever is finished is written together, in any order, and so are intents.

    A message holds its slot until its effects are durable: no more calls than there are slots can be in doubt after a
    crash, and none are made while their results cannot be written.
    """

    _processor: SlowProcessor

    def __init__(
        self,
        *arguments: Any,
        slots: Slots,
        in_flight: InFlight | None = None,
        trial: Sequence[str] | None = None,
    ) -> None:
        super().__init__(*arguments)
        self._slots = slots
        self._in_flight = in_flight or NOTHING_NOTED
        self._court = Court(self._name, trial, self._waits_for_others, WAIT_S)
        self._held = 0  # slots
        self._under_way: dict[asyncio.Task[None], float] = {}  # and since when (monotonic seconds) each should move
        self._flushing_since: float | None = None
        self._finished: list[tuple[Record, Effects]] = []
        self._decided = Decided()
        self._failure: BaseException | None = None
        self._fed = asyncio.Event()
        self._joint = JointWrites(super()._write)

    async def run(self) -> None:
        """Works until it is stopped, then finishes what is under way if it can; the rest comes again elsewhere."""
        feeder = asyncio.create_task(self._feed())
        try:
            while not self._stopping:
                if feeder.done():
                    feeder.result()
                if self._failure is not None:
                    raise self._failure
                await self._flush()
                await self._fire_due()
                if not (self._finished or self._stopping or self._failure):
                    await self._wait()
            feeder.cancel()
            await self._finish_under_way()
        finally:
            for task in (feeder, *self._under_way):
                task.cancel()
            await asyncio.gather(feeder, *self._under_way, return_exceptions=True)
            await self._joint.close()
            self._let_go(self._held)

    async def _finish_under_way(self) -> None:
        """A call that is given up may have been made: its outcome would be in doubt, so calls get time to end."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=FINISH_S)
        if self._failure is not None:
            raise self._failure
        await self._flush()

    @property
    def waiting_since(self) -> float | None:
        """The start of the oldest message under way, or of a write: what is slow one by one is not stuck.

        Of one that has said that it takes long, the end of what it has said.
        """
        since = [] if self._processor.bounds_time else list(self._under_way.values())
        since += filter(None, [self._flushing_since])
        if self._queue and not self._under_way:
            since.append(self.last_progress)
        return min(since, default=None)

    @property
    def _should_have_moved_since(self) -> float | None:
        """A call may take its time; a write may not."""
        return self._flushing_since

    def _waits_for_others(self, what: str) -> None:
        super()._waits_for_others(what)
        self.takes(0.0)

    def takes(self, seconds: float) -> None:
        """See `WritableState.takes`."""
        task = asyncio.current_task()
        if task in self._under_way:
            self._under_way[task] = time.monotonic() + seconds

    async def write(self, changes: dict[bytes, Row | None]) -> None:
        """Makes an intent durable before the effect (`WritableState.write`)."""
        check(Effects([], changes))
        self._decided.overtake(changes)
        try:
            await self._write(changes)
        except Exception as error:
            self._failure = self._failure or error  # ends the process, whatever the processor makes of it
            raise
        self._reach("after_intent")

    async def _write(self, changes: dict[bytes, Row | None]) -> None:
        await self._joint.add(changes)
        self._decided.written(changes)

    @asynccontextmanager
    async def rest(self, record: Record) -> AsyncIterator[None]:
        """See `WritableState.rest`: its slot is another's meanwhile, and a death not its doing."""
        if not self._slots.lend(len(record.value or b"")):
            yield
            return
        self._held -= 1
        self._in_flight.interrupted(record)
        try:
            yield
        finally:
            await self._slots.regain()
            self._held += 1
            self._in_flight.begin(record)

    def get(self, key: bytes) -> Row | None:
        """The row as last decided (`StateView.get`): it may be on its way to the table, before anything that a handler
        makes of it."""
        row = self._decided.get(key)
        return super()._row(key) if row is UNKNOWN else row

    _row = get

    async def _due_effects(self) -> Effects | None:
        effects = await super()._due_effects()
        if effects is not None:
            self._decided.overtake(effects.changes)
        return effects

    def deliver(self, partition: Partition, records: Sequence[Record]) -> None:
        if partition not in self.positions:
            self._in_flight.starts_at(partition.topic, records[0].offset)
        super().deliver(partition, records)
        self._fed.set()

    async def _feed(self) -> None:
        while True:
            await self._fed.wait()
            self._fed.clear()
            while self._queue:
                async with self._slots.turn:
                    await self._begin_some()

    async def _begin_some(self) -> None:
        for _ in range(min(self._slots.at_a_turn, len(self._queue))):
            await self._slots.acquire()
            self._held += 1
            self._start(self._next_records(1)[0])

    def _start(self, record: Record) -> None:
        task = asyncio.create_task(self._carry_out(record))
        self._under_way[task] = time.monotonic()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._wake.set()

    def _let_go(self, count: int) -> None:
        self._held -= count
        for _ in range(count):
            self._slots.release()

    async def _carry_out(self, record: Record) -> None:
        self._reach("after_read")
        try:
            messages, unreadable = await self._decode([record])
            effects = await self._looked_into(messages[0]) if messages else Effects([], {})
            effects.outputs.extend(unreadable)
            self._finished.append((record, effects))
            if self._table is not None:
                self._decided.wait(effects.changes)
            self._reach("after_finish")
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # handed to `run`, which ends the process with it
            self._failure = self._failure or error

    async def _looked_into(self, message: Message) -> Effects:
        """What the message means. Until that is known, a death may be its doing."""
        record = message.record
        if self._in_flight.deaths(record) >= TRIED_AFTER and await self._is_guilty(record):
            return condemned(self._processor, message, self, GUILTY + MAY_HAVE_HAPPENED)
        self._in_flight.begin(record)
        try:
            effects = await self._answer(message)
        except MemoryError:
            raise  # it may be its doing
        except BaseException:
            self._in_flight.interrupted(record)
            raise
        self._in_flight.end(record)
        return effects

    async def _is_guilty(self, record: Record) -> bool:
        store = self._table.store.path if self._table else None
        guilty = await self._court.is_guilty(record, self._in_flight.deaths(record), store)
        self._in_flight.end(record)
        return guilty

    async def _answer(self, message: Message) -> Effects:
        try:
            effects = await self._processor.handle_one(message, self)
            check(effects)
            return effects
        except NOT_THE_RECORD:
            raise
        except asyncio.CancelledError as error:
            if self._failure is not None or _is_cancelled():
                raise
            return set_aside(self._processor, message, self, error, MAY_HAVE_HAPPENED)
        except Exception as error:  # the message can be wrong in any way
            if self._failure is not None:  # a write that failed is not the message's fault
                raise
            return set_aside(self._processor, message, self, error, MAY_HAVE_HAPPENED)

    async def _flush(self) -> None:
        finished, self._finished = self._finished, []
        if not finished:
            return
        effects = Effects([], self._decided.take())
        told = set[bytes]()
        for _, more in finished:
            effects.outputs += more.outputs
            effects.counts += more.counts
            if self._processor.on_record(more):
                told |= more.changes.keys()
        await self._hold_back(effects.outputs)
        self._flushing_since = time.monotonic()
        first = {key: effects.changes.pop(key) for key in told & effects.changes.keys()}
        if first and self._table is not None:
            await self._write(first)
        await self._make_durable(effects)
        self._flushing_since = None
        self._acknowledge(record for record, _ in finished)
        self._let_go(len(finished))


def _is_cancelled() -> bool:
    """Whether somebody takes the running task back; else it is what it awaited that was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

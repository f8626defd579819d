"""The lane of a processor that computes: a batch at a time, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from streams.runtime import metrics
from streams.runtime.containment import NOT_THE_RECORD, Overlay, check, set_aside
from streams.runtime.court import GUILTY, TICK_S, Court
from streams.runtime.lane import Lane
from streams.runtime.parking import parked
from streams.runtime.positions import OrderedPositions
from streams.runtime.processor import NO_STATE, Crowded, Effects, FastProcessor, Message, NotYet, Record, StateView
from streams.runtime.suspects import NOBODY, Suspects
from streams.runtime.together import Together


class FastLane(Lane):
    """A batch at a time, in order."""

    _processor: FastProcessor
    _new_positions = OrderedPositions

    def __init__(
        self,
        *arguments: Any,
        suspects: Suspects | None = None,
        trial: Sequence[str] | None = None,
        together: Together | None = None,
    ) -> None:
        """`together`: where a handler that stands with a system outside runs, with those of the other lanes."""
        super().__init__(*arguments)
        self._together = together
        self._suspects = suspects or NOBODY
        self._court = Court(self._name, trial, self._waits_for_others)

    async def run(self) -> None:
        """Works until it is stopped; raises what a handler or the runtime raises."""
        while not self._stopping:
            limit = self._suspects.few_enough(self._queue, self._limits.batch_records)
            records = self._next_records(limit)
            if records:
                await self._process(records)
            await self._fire_due()
            if not self._queue and not self._stopping:
                await self._wait()

    async def _process(self, records: list[Record]) -> None:
        self._reach("after_read")
        metrics.hop_of(self._name).observe(max(0, self.now_ms() - records[0].timestamp_ms) / 1_000)
        if self._suspects.to_be_tried(records) and await self._is_guilty(records[0]):
            effects = Effects([parked(records[0], self._name, GUILTY)], {})
        else:
            effects = await self._looked_into(records)
        await self._hold_back(effects.outputs)
        await self._make_durable(effects)
        self._acknowledge(records)

    async def _looked_into(self, records: list[Record]) -> Effects:
        """What the records mean. Until that is known, a death is taken for theirs."""
        self._suspects.begin(records)
        try:
            messages, unreadable = await self._decode(records)
            effects = await self._effects(messages)
        except MemoryError:
            raise  # it may be theirs
        except BaseException:
            self._suspects.end()
            raise
        self._suspects.end(records)
        if unreadable:
            effects.outputs.extend(unreadable)
        return effects

    async def _is_guilty(self, record: Record) -> bool:
        store = self._table.store.path if self._table else None
        guilty = await self._court.is_guilty(record, self._suspects.deaths, store)
        self._suspects.end([record])
        return guilty

    @property
    def _state(self) -> StateView:
        return self._table or NO_STATE

    async def _effects(self, messages: list[Message]) -> Effects:
        try:
            return await self._handle(messages, self._state)
        except NOT_THE_RECORD:
            raise
        except Exception:  # noqa: BLE001  # which record it was, and whose fault, is seen one by one
            return await self._one_by_one(messages, Overlay(self._state))

    async def _one_by_one(self, messages: list[Message], state: Overlay) -> Effects:
        """The effects of all records together; those that make the handler raise also alone are parked."""
        together = Effects([], {})
        for message in messages:
            try:
                effects = await self._handle([message], state)
            except NOT_THE_RECORD:
                raise
            except Exception as error:  # noqa: BLE001  # the record can be wrong in any way
                effects = set_aside(self._processor, message, state, error)
            together.add(effects)
            state.changes.update(effects.changes)
        return together

    async def _handle(self, messages: list[Message], state: StateView) -> Effects:
        while True:
            try:
                effects = await self._handled(messages, state)
            except Crowded as crowded:
                self.last_progress = time.monotonic()
                await crowded.wait()
                if self._stopping:  # what was not handled stays for whom the partition goes to
                    raise asyncio.CancelledError from None
            except NotYet as missing:
                self._waits_for_others(str(missing))
                await missing.wait()
            else:
                check(effects)
                return effects

    async def _handled(self, messages: list[Message], state: StateView) -> Effects:
        if self._together is None:
            return self._processor.handle(messages, state)
        work = asyncio.ensure_future(self._together.handle(messages))
        try:
            while not (await asyncio.wait([work], timeout=TICK_S))[0]:
                self._waits_for_others(f"{self._processor.stands_with} does not answer")
        finally:
            work.cancel()
        return await work

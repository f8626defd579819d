"""The lane of a processor that computes: a batch at a time, in order."""

from __future__ import annotations

from streams.runtime import metrics
from streams.runtime.containment import NOT_THE_RECORD, Overlay, check, set_aside
from streams.runtime.lane import Lane
from streams.runtime.positions import OrderedPositions
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, Output, Record, Row, StateView


class FastLane(Lane):
    """A batch at a time, in order."""

    _processor: FastProcessor
    _new_positions = OrderedPositions

    async def run(self) -> None:
        """Works until it is stopped; raises what a handler or the runtime raises."""
        while not self._stopping:
            records = self._next_records(self._limits.batch_records)
            if records:
                await self._process(records)
            await self._fire_due()
            if not self._queue and not self._stopping:
                await self._wait()

    async def _process(self, records: list[Record]) -> None:
        self._reach("after_read")
        messages, unreadable = await self._decode(records)
        metrics.HOP_SECONDS.labels(self._name).observe(max(0, self.now_ms() - records[0].timestamp_ms) / 1_000)
        effects = await self._effects(messages)
        if unreadable:
            effects.outputs.extend(unreadable)
        await self._make_durable(effects)
        self._acknowledge(records)

    @property
    def _state(self) -> StateView:
        return self._table or _NO_STATE

    async def _effects(self, messages: list[Message]) -> Effects:
        try:
            return await self._handle(messages, self._state)
        except NOT_THE_RECORD:
            raise
        except Exception:  # noqa: BLE001  # which record it was, and whose fault, is seen one by one
            return await self._one_by_one(messages, Overlay(self._state))

    async def _one_by_one(self, messages: list[Message], state: Overlay) -> Effects:
        """The effects of all records together; those that make the handler raise also alone are parked."""
        outputs: list[Output] = []
        for message in messages:
            try:
                effects = await self._handle([message], state)
            except NOT_THE_RECORD:
                raise
            except Exception as error:  # noqa: BLE001  # the record can be wrong in any way
                effects = set_aside(self._processor, message, state, error)
            outputs.extend(effects.outputs)
            state.changes.update(effects.changes)
        return Effects(outputs, state.changes)

    async def _handle(self, messages: list[Message], state: StateView) -> Effects:
        while True:
            try:
                effects = self._processor.handle(messages, state)
            except NotYet as missing:
                self._waits_for_others(str(missing))
                await missing.wait()
            else:
                check(effects)
                return effects


class _NoState:
    """The view of a processor without a table."""

    def get(self, key: bytes) -> Row | None:
        return None


_NO_STATE = _NoState()

"""The lane of a processor that computes: a batch at a time, in order."""

from __future__ import annotations

from streams.runtime import metrics
from streams.runtime.lane import Lane, now_ms
from streams.runtime.positions import OrderedPositions
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, Record, Row


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
        metrics.HOP_SECONDS.labels(self._name).observe(max(0, now_ms() - records[0].timestamp_ms) / 1_000)
        effects = await self._handle(messages)
        if unreadable:
            effects.outputs.extend(unreadable)
        await self._make_durable(effects)
        self._acknowledge(records)

    async def _handle(self, messages: list[Message]) -> Effects:
        while True:
            try:
                return self._processor.handle(messages, self._table or _NO_STATE)
            except NotYet as missing:
                await missing.wait()


class _NoState:
    """The view of a processor without a table."""

    def get(self, key: bytes) -> Row | None:
        return None


_NO_STATE = _NoState()

"""The runtime as stock Faust would have it, to show that the suite notices: everything is taken on trust.

What Faust 0.15.3 does: an event is acknowledged when the loop body is left, however it is left; outputs and changelog
are handed to the producer and nobody waits for them; the store is written first; a failure in the body is logged and
the loop goes on.
"""

from __future__ import annotations

import asyncio

import structlog

from streams.runtime import host
from streams.runtime.fast_lane import FastLane
from streams.runtime.processor import Effects, Record
from streams.runtime.store import encode_row

log = structlog.get_logger()


class StockLane(FastLane):
    """A fast lane with the stock acknowledgement."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._sending: set[asyncio.Task[None]] = set()

    async def _process(self, records: list[Record]) -> None:
        self._reach("after_read")
        try:
            messages, _ = await self._decode(records)
            effects = await self._handle(messages, self._state)
            self._reach("after_handle")
            self._store(effects)
            self._send_soon(effects)
        except Exception:  # noqa: BLE001  # this is what is being shown
            log.warning("stock variant: handler failed, going on")
        finally:
            self._acknowledge(records)

    def _store(self, effects: Effects) -> None:
        if self._table is not None and effects.changes:
            self._table.apply(effects.changes, [(key, encode_row(row)) for key, row in effects.changes.items()])
            self._reach("after_store")

    def _send_soon(self, effects: Effects) -> None:
        task = asyncio.create_task(self._send(effects))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, effects: Effects) -> None:
        await self._writer.send(effects.outputs, self.number)
        self._reach("after_outputs")
        if self._table is not None and effects.changes:
            async with self._writing:
                await self._table.append([(key, encode_row(row)) for key, row in effects.changes.items()])
            self._reach("after_changelog")


def install() -> None:
    """Makes every fast processor of this process run on it."""
    host.FastLane = StockLane  # type: ignore[attr-defined]

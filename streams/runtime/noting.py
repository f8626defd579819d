"""Positions of a processor that keeps what it makes elsewhere, beside what it has made (`FastProcessor.noted`).

They follow what the group has committed, and count where they lie before that: what was made is gone, or is somewhere
else, and comes again from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from streams.ground.errors import UnavailableError
from streams.runtime.processor import FastProcessor
from streams.runtime.reader import Partition
from streams.runtime.threads import Aside

PAUSE_S = 1.0
SETTLE_S = 5.0

log = structlog.get_logger()


class Noting:
    """Asks the processor for positions, and gives it those that were committed, never two at a time."""

    def __init__(self, processor: FastProcessor, aside: Aside) -> None:
        self._processor = processor
        self._aside = aside
        self._waiting: dict[Partition, int] = {}
        self._under_way: asyncio.Task[None] | None = None

    async def before(self, starts: Mapping[Partition, int | None]) -> dict[Partition, int]:
        """Those partitions of which less was made than was read, and up to where. Waits for what it is kept in."""
        while True:
            try:
                known = await self._aside.run(self._processor.noted)
            except UnavailableError as error:
                log.warning("positions not known", processor=self._processor.declaration.name, reason=str(error))
                await asyncio.sleep(PAUSE_S)
            else:
                return {
                    each: known.get(each, 0) for each, start in starts.items() if start and known.get(each, 0) < start
                }

    def note(self, positions: Mapping[Partition, int]) -> None:
        """Has them kept soon. Raises what the processor raised for those before."""
        self._waiting.update(positions)
        if self._under_way is not None and self._under_way.done():
            done, self._under_way = self._under_way, None
            done.result()
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._note())

    async def settle(self) -> None:
        """Waits until all are kept, for a while: to read something again is better than to stop late."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way], timeout=SETTLE_S)

    async def _note(self) -> None:
        while self._waiting:
            positions, self._waiting = self._waiting, {}
            await self._aside.run(partial(self._processor.note, positions))

"""Group commit: rows that wait while others are being written go out together, in one write.

Nothing waits for a timer. Who comes while nobody writes is written at once; who comes during a write shares the next
one with all that came meanwhile. So a lane under load writes a few large batches, and an idle one loses no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from streams.runtime.processor import Row

Changes = dict[bytes, Row | None]


class _Group:
    """Changes that will be durable together."""

    def __init__(self) -> None:
        self.changes: Changes = {}
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class JointWrites:
    """The writes of one table partition, one at a time. After one has failed nothing is written any more."""

    def __init__(self, write: Callable[[Changes], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: _Group | None = None
        self._failure: Exception | None = None
        self._writer: asyncio.Task[None] | None = None

    async def add(self, changes: Changes) -> None:
        """Returns once the changes are durable; raises what their write raised. Of a key the last change counts.

        Who is cancelled stops waiting; what it wanted is written with the others all the same.
        """
        if self._failure is not None:
            raise self._failure
        if self._waiting is None:
            self._waiting = _Group()
        group = self._waiting
        group.changes.update(changes)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        await asyncio.shield(group.durable)

    async def _write_all(self) -> None:
        try:
            while (group := self._waiting) is not None:
                self._waiting = None
                await self._write_one(group)
        finally:
            self._writer = None

    async def _write_one(self, group: _Group) -> None:
        try:
            if self._failure is None:
                await self._write(group.changes)
        except asyncio.CancelledError:
            group.durable.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # it belongs to those who wait
            self._failure = error
        if self._failure is None:
            group.durable.set_result(None)
        else:
            group.durable.set_exception(self._failure)
            group.durable.exception()  # they may all have gone

    async def close(self) -> None:
        """Gives up what is not durable yet."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._waiting is not None:
            self._waiting.durable.cancel()

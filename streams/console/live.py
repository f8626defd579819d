"""Pages that change by themselves: one hub, which renders a page once for all who look at it.

    change in the read model ─▶ every page that somebody looks at is rendered again ─▶ the same bytes to all its readers

A reader has one slot, in which the newest bytes replace older ones that it has not taken yet: there is no queue that
could grow. A page that costs much is made less often. Nobody looks, nothing is asked. What is sent holds nothing of a
session.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aiohttp import web
from sqlalchemy import Connection, text

from streams.console.rendering import PRIVATE
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services

TICK_S = 0.25
ANEW_S = 15.0  # ages on a page grow though nothing has changed
WRITE_S = 20.0
MOST_REST_S = 5.0
SHARE = 0.04  # of the time, that rendering may take for all pages together
MOST_READERS = 1_000

Render = Callable[[], Awaitable[str]]
_LINE_ENDS = re.compile(r"\r\n|\r|\n")

log = structlog.get_logger()


def frame(html: str) -> bytes:
    """An event with this text. Every line end that a browser knows is split, or one in the data would end the line."""
    lines = "".join(f"data: {line}\n" for line in _LINE_ENDS.split(html))
    return f"event: parts\n{lines}\n".encode()


@dataclass
class _Slot:
    """What one reader gets next."""

    newest: bytes | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, what: bytes) -> None:
        self.newest = what
        self.filled.set()

    async def take(self) -> bytes | None:
        """The newest bytes; None where nothing has come for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ANEW_S):
                await self.filled.wait()
        self.filled.clear()
        taken, self.newest = self.newest, None
        return taken


@dataclass
class _Shown:
    """A page that somebody looks at."""

    render: Render
    slots: set[int] = field(default_factory=set)
    last: bytes | None = None
    at: float = 0.0  # when it was rendered last
    took: float = 0.0
    stale: bool = True


class Hub:
    """Follows the read model for all pages of this process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._shown: dict[str, _Shown] = {}
        self._slots: dict[int, _Slot] = {}
        self._task: asyncio.Task[None] | None = None
        self._watch: Connection | None = None
        self.closing = asyncio.Event()

    async def follow(self, key: str, render: Render) -> AsyncIterator[bytes]:
        """What a reader of a page is sent, from now until it goes; empty bytes where there is nothing new."""
        if len(self._slots) >= MOST_READERS:
            raise ProblemError(503, "too-many", "Too many live pages are open here. Reload to see what is new.")
        slot = _Slot()
        page = self._shown.setdefault(key, _Shown(render))
        page.slots.add(id(slot))
        self._slots[id(slot)] = slot
        if page.last is not None:
            slot.put(page.last)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            while not self.closing.is_set():
                yield await slot.take() or b""
        finally:
            del self._slots[id(slot)]
            page.slots.discard(id(slot))
            if not page.slots:
                self._shown.pop(key, None)

    async def close(self, _: web.Application | None = None) -> None:
        """Ends every stream."""
        self.closing.set()
        for slot in self._slots.values():
            slot.filled.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._watch is not None:
            await asyncio.to_thread(self._watch.close)
            self._watch = None

    async def _run(self) -> None:
        """Looks for a change a few times a second, as long as somebody looks at a page. A page that takes long is made
        less often, so that all of them together cost a small share of the time."""
        seen: object = None
        while self._shown:
            now = await self._change()
            for page in list(self._shown.values()):
                page.stale |= now != seen
                rest = min(MOST_REST_S, page.took * len(self._shown) / SHARE)
                since = time.monotonic() - page.at
                if (page.stale and since >= rest) or since >= max(rest, ANEW_S):
                    await self._refresh(page)
            seen = now
            await asyncio.sleep(TICK_S)

    async def _refresh(self, page: _Shown) -> None:
        page.stale = False  # a change from now on is seen at the next tick
        started = time.monotonic()
        try:
            made = frame(await page.render())
        except Exception as error:  # noqa: BLE001  # a page that cannot be made now must not end the others
            log.warning("live page not rendered", reason=type(error).__name__)
            return
        finally:
            page.at = time.monotonic()
            page.took = page.at - started
        if made != page.last:
            page.last = made
            for number in page.slots:
                self._slots[number].put(made)

    async def _change(self) -> object:
        """Something that differs after every change of what pages show."""
        known = len(self._services.definitions.deployed())
        try:
            return known, await asyncio.to_thread(self._version)
        except Exception as error:  # noqa: BLE001  # the read model is away: look again at the next tick
            log.debug("read model not watched", reason=type(error).__name__)
            self._watch = None
            return known, None

    def _version(self) -> object:
        """The database's own counter of changes by others."""
        if self._watch is None:
            self._watch = self._services.reader.engine.connect()
        sqlite = self._watch.dialect.name == "sqlite"
        found = self._watch.execute(text("PRAGMA data_version" if sqlite else "SELECT pg_current_wal_lsn()")).scalar()
        self._watch.rollback()
        return found


async def stream(request: web.Request, pages: AsyncIterator[bytes], until_s: float | None) -> web.StreamResponse:
    """Sends a page's changes to one reader, until the reader or its session ends."""
    headers = {**PRIVATE, "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    with suppress(ConnectionError, TimeoutError):
        await response.write(b"retry: 2000\n\n")
        async for made in pages:
            if until_s is not None and time.time() > until_s:
                break
            async with asyncio.timeout(WRITE_S):
                await response.write(made or b": nothing new\n\n")
    return response

"""What calls tell of the systems outside: each worker says every few seconds what it has seen, for who wants to know.

Nothing depends on it: a report that cannot be written is lost, and who reads them knows the last hour at most.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import structlog

from connectors.hub.observer import EndedCall
from schemas.codec import Codec
from schemas.messages import SYSTEM_REPORT
from schemas.reasons import Reason
from streams.ground.errors import ExlifyError
from streams.ground.publish import Outgoing, Publisher, Publishing
from streams.ground.settings import Settings
from streams.ground.topic_feed import TopicFeed
from streams.processors.call import CLOSED, REPORTS
from streams.processors.call.gone import Gone
from streams.runtime.clock import now_ms

EVERY_S = 10.0
LOOKED_AT_MS = 600_000  # of the reports of a system
HEARD_MS = 60_000  # a worker that has not told of an open breaker for so long has stopped, or forgotten it
MAX_SYSTEMS = 1_000
MAX_REPORTS = 1_000  # of one system

log = structlog.get_logger()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker has seen of one system since its report before."""

    connection: str
    worker: str
    breaker: str
    calls: int
    failed: int
    took_ms: int
    last_reason: str | None
    at_ms: int


class _Count:
    """Calls of one system."""

    __slots__ = ("calls", "failed", "last_reason", "seconds")

    def __init__(self) -> None:
        self.calls = self.failed = 0
        self.seconds = 0.0
        self.last_reason: str | None = None


class Tally:
    """Counts calls as they end, until somebody asks for the reports."""

    def __init__(self) -> None:
        self._worker = uuid.uuid4().hex[:8]
        self._counts: dict[str, _Count] = {}
        self._not_well: set[str] = set()  # of which was told that they are not called

    def note(self, ended: EndedCall) -> None:
        """A call has ended."""
        count = self._counts.get(ended.connection)
        if count is None:
            if not ended.connection or len(self._counts) >= MAX_SYSTEMS:
                return
            count = self._counts[ended.connection] = _Count()
        count.calls += 1
        count.seconds += ended.seconds
        if ended.reason is not Reason.OK:
            count.failed += 1
            count.last_reason = ended.reason.value

    def reports(self, breakers: Mapping[str, str], at_ms: int) -> list[Report]:
        """One for each system that was called since the last time, is not called, or is called again."""
        not_well = {name for name, state in breakers.items() if state != CLOSED}
        counts, self._counts = self._counts, {}
        named = sorted({*counts, *not_well, *self._not_well})
        self._not_well = not_well
        return [self._report(name, breakers.get(name, CLOSED), counts.get(name, _Count()), at_ms) for name in named]

    def _report(self, connection: str, breaker: str, count: _Count, at_ms: int) -> Report:
        return Report(
            connection=connection.partition(":")[2],  # begins with its kind: `http:erp`, `http:example.com:80`
            worker=self._worker,
            breaker=breaker,
            calls=count.calls,
            failed=count.failed,
            took_ms=round(count.seconds * 1_000),
            last_reason=count.last_reason,
            at_ms=at_ms,
        )


class Reporter:
    """Writes the reports of a tally, and what is gone, every few seconds; connects to Kafka once there is something to
    tell."""

    def __init__(
        self, settings: Settings, codec: Codec, tally: Tally, gone: Gone, breakers: Callable[[], Mapping[str, str]]
    ) -> None:
        self._settings = settings
        self._codec = codec
        self._tally = tally
        self._gone = gone
        self._breakers = breakers
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends; what was not told is forgotten."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            publisher: Publishing | None = None
            while True:
                await asyncio.sleep(EVERY_S)
                gone = self._gone.untold()
                found = self._tally.reports(self._breakers(), now_ms())
                if not gone and not found:
                    continue
                if publisher is None:
                    publisher = await stack.enter_async_context(Publisher(self._settings))
                try:
                    await publisher.publish([each.outgoing(self._codec) for each in gone])
                    self._gone.told(gone)
                    await publisher.publish([outgoing(self._codec, each) for each in found])
                except ExlifyError as error:
                    log.warning("systems not told of", reason=str(error))


def outgoing(codec: Codec, report: Report) -> Outgoing:
    """The record of a report."""
    return Outgoing(REPORTS, report.connection.encode(), codec.encode(SYSTEM_REPORT, msgspec.structs.asdict(report)))


class Seen:
    """What the reports of all workers say together."""

    def __init__(self) -> None:
        self._reports: dict[str, deque[Report]] = {}

    def learn(self, data: Mapping[str, Any]) -> None:
        """Somebody has told."""
        report = msgspec.convert(data, Report)
        if report.connection not in self._reports and len(self._reports) >= MAX_SYSTEMS:
            return
        self._reports.setdefault(report.connection, deque(maxlen=MAX_REPORTS)).append(report)

    def names(self, at_ms: int) -> set[str]:
        """The systems that were told of lately."""
        return {name for name in self._reports if self._lately(name, at_ms)}

    def of(self, name: str, at_ms: int) -> dict[str, Any]:
        """What is known of a system: its breaker (null: nobody has told lately), and calls of the last minutes."""
        lately = self._lately(name, at_ms)
        heard = {each.worker: each.breaker for each in lately if each.at_ms > at_ms - HEARD_MS}
        states = sorted({state for state in heard.values() if state != CLOSED})
        failed = [each for each in lately if each.last_reason is not None]
        calls = sum(each.calls for each in lately)
        return {
            "breaker": states[-1] if states else (CLOSED if lately else None),
            "minutes": LOOKED_AT_MS // 60_000,
            "calls": calls,
            "failed": sum(each.failed for each in lately),
            "mean_ms": round(sum(each.took_ms for each in lately) / calls) if calls else None,
            "last_reason": failed[-1].last_reason if failed else None,
            "last_failed_ms": failed[-1].at_ms if failed else None,
        }

    def _lately(self, name: str, at_ms: int) -> list[Report]:
        return [each for each in self._reports.get(name, ()) if each.at_ms > at_ms - LOOKED_AT_MS]


class SeenFeed(Seen):
    """The same, as it stands on the topic, followed; nobody waits for it."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        super().__init__()
        self._feed = TopicFeed(settings, codec, REPORTS, SYSTEM_REPORT, self.learn)
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow."""
        self._starting = asyncio.create_task(self._start())

    async def close(self) -> None:
        """Stops following."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
            await self._feed.close()

    async def _start(self) -> None:
        try:
            await self._feed.start()
        except ExlifyError as error:
            log.warning("reports of systems not read", reason=str(error))

"""The watchdogs of the gateway: what they see to be wrong becomes a metric, and the cause of an alert.

    processors and functions that nobody hosts ─┐
    instances that are at work and do not move ─┼─▶ told while it is so, and once that it is over ─▶ escalate
    partitions with work whose position stands ─┘

Several gateways may see the same: it is over once none of them tells it any more (`watch.py` of escalate).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from schemas.messages import WATCHDOG_REPORT
from streams.gateway.own import count_unhosted, look_for_hosts, there
from streams.gateway.services import Services
from streams.ground.beside import beside
from streams.ground.errors import ExlifyError
from streams.ground.publish import Outgoing
from streams.processors.escalate import WATCHDOGS
from streams.processors.escalate.causes import place_name
from streams.processors.escalate.plan import IDLE, POSITION, UNHOSTED
from streams.runtime.standing import Standing

LOOK_S = 15.0  # well within the time after which nobody tells it any more
IDLE_MS = 300_000  # what moves sooner is nothing to be told of
STANDS_MS = 300_000
POSITIONS_MS = 60_000  # how often Kafka is asked for the positions of everybody
MOST = 50  # the worst ones: their number says no more about the cause

log = structlog.get_logger()


class Sight(NamedTuple):
    """Something that is wrong."""

    name: str
    since_ms: int | None = None  # None: since it was first seen
    workflow: str | None = None


class Watchdogs:
    """Look again and again, and remember what they have told."""

    def __init__(self, ours: Services) -> None:
        self._ours = ours
        self._watcher = uuid.uuid4().hex[:8]
        self._told: dict[str, dict[str, Sight]] = {UNHOSTED: {}, IDLE: {}, POSITION: {}}  # by kind and name
        self._standing: dict[str, Standing] = {}  # by processor
        self._positions_ms = 0  # when they were asked for
        self._looks: Mapping[str, Callable[[], Awaitable[Iterable[Sight]]]] = {
            UNHOSTED: self._unhosted,
            IDLE: self._idle,
            POSITION: self._positions,
        }

    async def look(self) -> None:
        """Looks once and tells. What cannot be looked at is as it was. Raises ExlifyError where it cannot be told."""
        at_ms = self._ours.now_ms()
        for kind, look in self._looks.items():
            before = self._told[kind]
            try:
                found = {each.name: each for each in await look()}
            except (SQLAlchemyError, ExlifyError) as error:
                log.warning("not looked at", watchdog=kind, reason=type(error).__name__)
                found = before
            now = {name: _since(each, before.get(name), at_ms) for name, each in found.items()}
            # Ends come last, so that an alert of which one cause follows another stays open.
            so = [self._report(kind, each, True, at_ms) for each in now.values()]
            over = [self._report(kind, each, False, at_ms) for name, each in before.items() if name not in now]
            self._told[kind] = {**before, **now}  # an end that could not be told is told the next time
            await self._ours.publisher.publish([*so, *over])
            self._told[kind] = now

    def _report(self, kind: str, sight: Sight, is_so: bool, at_ms: int) -> Outgoing:
        fields: dict[str, Any] = {
            "kind": kind, "name": sight.name, "workflow": sight.workflow, "watcher": self._watcher, "is_so": is_so,
            "since_ms": sight.since_ms, "at_ms": at_ms,
        }  # fmt: skip
        return Outgoing(WATCHDOGS, f"{kind}/{sight.name}".encode(), self._ours.codec.encode(WATCHDOG_REPORT, fields))

    async def _unhosted(self) -> Iterable[Sight]:
        waiting = await count_unhosted(self._ours.own, self._ours.definitions)
        functions = [name for name, count in waiting.items() if count]
        return [Sight(name) for name in (*await look_for_hosts(self._ours.own), *functions)]

    async def _idle(self) -> Iterable[Sight]:
        rows = await asyncio.to_thread(self._ours.reader.idle, self._ours.now_ms() - IDLE_MS, MOST)
        return [Sight(row["instance_id"], row["updated_at_ms"], row["workflow"]) for row in rows]

    async def _positions(self) -> Iterable[Sight]:
        now_ms = self._ours.now_ms()
        if now_ms < self._positions_ms + POSITIONS_MS:
            return self._told[POSITION].values()
        self._positions_ms = now_ms
        found = await self._ours.standing(self._ours.settings, await there(self._ours))
        self._standing = {who: self._standing.get(who, Standing()) for who in found}
        stood = []
        for who, each in found.items():
            read, end = {place: at.read for place, at in each.items()}, {place: at.end for place, at in each.items()}
            since = self._standing[who].since(read, end, now_ms)
            stood += [(since_ms, place_name(who, *place)) for place, since_ms in since.items()]
        stood = sorted(each for each in stood if each[0] + STANDS_MS <= now_ms)
        return [Sight(name, int(since_ms)) for since_ms, name in stood[:MOST]]


@asynccontextmanager
async def watching(ours: Services) -> AsyncIterator[None]:
    """Looks for as long as the context lasts, and keeps the metrics of what nobody hosts true."""
    async with beside(_forever(Watchdogs(ours)), "watchdogs"):
        yield


async def _forever(watchdogs: Watchdogs) -> None:
    while True:
        try:
            await watchdogs.look()
        except ExlifyError as error:
            log.warning("watchdogs are not heard", reason=str(error))
        except Exception:  # a bug, or an error that a library has let through: the next look may be better
            log.exception("watchdogs failed")
        await asyncio.sleep(LOOK_S)


def _since(sight: Sight, before: Sight | None, at_ms: int) -> Sight:
    """With the time since when it is so."""
    if sight.since_ms is not None:
        return sight
    return sight._replace(since_ms=at_ms if before is None else before.since_ms)

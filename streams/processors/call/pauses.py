"""Pauses: systems that somebody wants not to be called for a while, as they stand on a compacted topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from schemas.codec import Codec
from schemas.messages import SYSTEM_PAUSE
from streams.ground.errors import UnavailableError
from streams.ground.publish import Outgoing
from streams.ground.settings import Settings
from streams.ground.topic_feed import TopicFeed
from streams.processors.call import PAUSES

FIRST_READING_S = 3.0  # then it goes on without; what is read later counts from then on

log = structlog.get_logger()


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """The last word about one system."""

    connection: str
    paused: bool
    until_ms: int | None
    why: str
    actor: str
    at_ms: int

    def outgoing(self, codec: Codec) -> Outgoing:
        """The record that says it."""
        value = codec.encode(SYSTEM_PAUSE, msgspec.structs.asdict(self))
        return Outgoing(PAUSES, self.connection.encode(), value)

    def seconds_left(self, now_s: float) -> float:
        """How long the pause lasts from now on; 0 where there is none (any more), infinity where nobody said."""
        if not self.paused:
            return 0.0
        return float("inf") if self.until_ms is None else max(0.0, self.until_ms / 1_000 - now_s)


class Pauses:
    """What is known of pauses; may be asked from any thread."""

    def __init__(self) -> None:
        self._latest: dict[str, Pause] = {}

    def learn(self, pause: Pause) -> None:
        """Somebody has paused a system, or resumed it."""
        self._latest[pause.connection] = pause

    def of(self, connection: str) -> Pause | None:
        """The pause that a system, by its folded name, is in now."""
        found = self._latest.get(connection)
        return found if found is not None and found.seconds_left(time.time()) else None

    def all(self) -> Mapping[str, Pause]:
        """All that last now, by connection."""
        return {name: pause for name in list(self._latest) if (pause := self.of(name)) is not None}

    def said(self) -> list[Pause]:
        """The last word about each system, also where it is called again."""
        return list(self._latest.values())

    def seconds_left(self, connection: str) -> float:
        """How long a system is not to be called; 0: it may be."""
        found = self._latest.get(connection) if self._latest else None
        return 0.0 if found is None else found.seconds_left(time.time())


class PauseFeed(Pauses):
    """Pauses as they stand on the topic, read from its beginning and followed from then on."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        super().__init__()
        self._feed = TopicFeed(settings, codec, PAUSES, SYSTEM_PAUSE, self._take_in) if settings.bootstrap else None

    async def start(self) -> None:
        """Returns once everything said so far is known, or it takes too long. Without a Kafka there is nothing said."""
        if self._feed is not None:
            try:
                async with asyncio.timeout(FIRST_READING_S):
                    await self._feed.start()
            except (TimeoutError, UnavailableError):
                log.warning("pauses not read yet", topic=PAUSES.name)

    async def close(self) -> None:
        """Stops following."""
        if self._feed is not None:
            await self._feed.close()

    def _take_in(self, data: Mapping[str, Any]) -> None:
        self.learn(msgspec.convert(data, Pause))

"""What the handlers work with, made once per process."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from connectors.hub.pipeline import Hub
from schemas.business import EventTypes
from schemas.codec import Codec
from streams.definitions.book import DefinitionBook
from streams.definitions.own import OwnFunctions
from streams.gateway.hooks import Hook
from streams.ground.causes import Ready
from streams.ground.publish import Publishing
from streams.ground.record_at import RawRecord, record_at, topics_there
from streams.ground.settings import Settings
from streams.processors.call.connections import Addresses
from streams.processors.call.pauses import Pauses
from streams.processors.call.reports import Seen
from streams.processors.costs import Prices
from streams.processors.intake import IntakeSettings
from streams.processors.intake.backlog import Backlog
from streams.processors.orchestrate.spent import Spent
from streams.processors.view.bottlenecks import Remembered
from streams.processors.view.reader import Reader
from streams.runtime import groups
from streams.runtime.groups import Position
from streams.runtime.reader import Partition

Positions = Callable[[Settings, Collection[str]], Awaitable[Mapping[str, Mapping[Partition, Position]]]]
Look = Callable[[Settings, str, int, int], Awaitable[RawRecord | None]]  # topic, partition, offset


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that a handler may need."""

    settings: Settings
    codec: Codec
    publisher: Publishing
    definitions: DefinitionBook
    reader: Reader
    hooks: Mapping[str, Hook]
    own: OwnFunctions
    addresses: Addresses
    pauses: Pauses
    hub: Hub  # for what people have sent once more
    seen: Seen
    backlog: Backlog = field(default_factory=lambda: Backlog(IntakeSettings.max_backlog))
    spent: Remembered[Spent] = field(default_factory=Remembered)
    clock: Callable[[], float] = time.time  # seconds since the epoch
    prices: Callable[[], Prices] = Prices  # blocks
    ready: Ready = lambda: True
    look: Look = record_at
    standing: Positions = groups.standing
    topics_there: Callable[[Settings], Awaitable[Collection[str]]] = topics_there
    answer_timeout_s: float = 5.0  # how long a request waits for a processor's answer

    @property
    def types(self) -> EventTypes:
        """The types of business events."""
        return self.definitions.types

    async def record_at(self, topic: str, partition: int, offset: int) -> RawRecord | None:
        """The record that stands there; raises UnavailableError where Kafka is away."""
        return await self.look(self.settings, topic, partition, offset)

    def now_ms(self) -> int:
        """The time, Unix milliseconds."""
        return int(self.clock() * 1000)


SERVICES: Final = web.AppKey("services", Services)


def services(request: web.Request) -> Services:
    """Those of the application that got the request."""
    return request.app[SERVICES]

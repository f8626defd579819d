"""What the handlers work with, made once per process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from schemas.business import EventTypes
from schemas.codec import Codec
from streams.definitions.book import DefinitionBook
from streams.definitions.own import OwnFunctions
from streams.gateway.hooks import Hook
from streams.ground.publish import Publishing
from streams.ground.settings import Settings
from streams.ground.status import Ready
from streams.processors.call.connections import Addresses
from streams.processors.call.pauses import Pauses
from streams.processors.call.reports import Seen
from streams.processors.view.reader import Reader


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
    seen: Seen
    types: EventTypes = field(default_factory=EventTypes.load)
    clock: Callable[[], float] = time.time  # seconds since the epoch
    ready: Ready = lambda: True
    answer_timeout_s: float = 5.0  # how long a request waits for a processor's answer

    def now_ms(self) -> int:
        """The time, Unix milliseconds."""
        return int(self.clock() * 1000)


SERVICES: Final = web.AppKey("services", Services)


def services(request: web.Request) -> Services:
    """Those of the application that got the request."""
    return request.app[SERVICES]

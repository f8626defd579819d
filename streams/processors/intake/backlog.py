"""What waits before intake and the engine, so that new work can be kept back before it is more than can be worked off.

Running instances go on meanwhile: only what would start new work is refused, and what can wait waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from streams.ground.beside import beside
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from streams.ground.unread import Positions, Standing, unread
from streams.processors import intake, orchestrate
from streams.runtime.declaration import Declaration

LOOK_S = 5.0

log = structlog.get_logger()


@dataclass
class Backlog:
    """As it was found last; nothing is kept back as long as nobody has looked."""

    limit: int
    found: Mapping[str, int] = field(default_factory=dict)  # records by processor
    setting: str = "EXLIFY_MAX_BACKLOG"  # which gives the limit

    def too_long(self) -> str | None:
        """Why nothing new is to come now."""
        for processor, records in self.found.items():
            if records >= self.limit:
                return f"{records} records wait before {processor}, and {self.limit} may ({self.setting})"
        return None


def measured(settings: Settings) -> dict[str, int]:
    """What waits before intake and the engine. Asks Kafka: blocks, and raises UnavailableError."""
    business = {topic.name for topic in (*intake.typed_topics(), *intake.topics_of_settings(settings))}
    return unread(
        settings,
        {intake.DECLARATION.name: sorted(business), orchestrate.DECLARATION.name: [orchestrate.INBOX.name]},
    )


class Begun:
    """What waits before the engine and the steps, of all that has been begun. Asks Kafka, and keeps its connection."""

    def __init__(self, settings: Settings, declarations: Iterable[Declaration]) -> None:
        self._topics = {each.name: [each.commands.name] for each in declarations if each.functions}
        self._topics[orchestrate.DECLARATION.name] = [orchestrate.INBOX.name]
        self._settings = settings
        self._positions: Positions | None = None  # until somebody asks

    def measured(self) -> dict[str, Standing]:
        """By processor. Blocks; raises UnavailableError."""
        self._positions = self._positions or Positions(self._settings)
        return self._positions.standing(self._topics)

    def close(self) -> None:
        """Lets go of its connection; blocks."""
        self._positions = None


@asynccontextmanager
async def followed(settings: Settings) -> AsyncIterator[Backlog]:
    """The backlog, looked at anew as long as the context lasts."""
    backlog = Backlog(settings.of(intake.IntakeSettings).max_backlog)
    async with beside(_follow(backlog, settings), "backlog"):
        yield backlog


async def _follow(backlog: Backlog, settings: Settings) -> None:
    while True:
        try:
            backlog.found = await asyncio.to_thread(measured, settings)
        except UnavailableError as error:
            backlog.found = {}  # what is offered meanwhile is refused by Kafka itself
            log.warning("backlog is not known", reason=str(error))
        await asyncio.sleep(LOOK_S)

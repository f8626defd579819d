"""How much may be begun: new work stays in Kafka while more has been begun than is worked off soon.

Otherwise a backlog would be begun all at once, and whatever an instance does next would wait behind the first step of
all the others. Counted is what waits before the engine, and before every processor of steps that gets on: one that
stands (nobody hosts it, its system is away) holds back nobody else.

Of workflows with different priorities, each rank has half of the places of the one above it, so that there are always
places for who comes first. What finds none waits at `hold`, since in Kafka it would keep back who comes behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from streams.ground.errors import UnavailableError
from streams.ground.unread import Standing
from streams.processors import intake, orchestrate
from streams.runtime.processor import Crowded

ENGINE = orchestrate.DECLARATION.name
LOOK_S = 1.0  # longer than it takes until a position that has moved is committed

log = structlog.get_logger()


class Room:
    """Places for new instances in this process; what is left is looked for anew once half of them are taken."""

    def __init__(self, limit: int, measure: Callable[[], Mapping[str, Standing]]) -> None:
        """`measure` says how far who is to be counted has come; it may block."""
        self._limit = limit
        self._measure = measure
        self._left = limit
        self._before: Mapping[str, Standing] = {}
        self._looking: asyncio.Task[None] | None = None
        self._not_before = time.monotonic()

    def ask(self, lowest: int = 0) -> None:
        """Raises Crowded where nothing is to be begun now. `lowest` is the lowest rank of what may be begun."""
        begun = self._limit - self._left
        if begun < (self._limit >> lowest) // 2:
            return
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
        if self._left <= 0:
            raise Crowded("what has been begun is worked off first", self._looked)

    def share(self, rank: int) -> int:
        """How many of a rank may be begun now: each rank has half of the places of the one above it."""
        return max(0, (self._limit >> rank) - (self._limit - self._left))

    def has_emptied(self, rank: int) -> bool:
        """Whether half of the places of a rank are free: nobody fills them who has waited."""
        return self.share(rank) > (self._limit >> rank) // 2

    def take(self, records: int) -> None:
        """So much is begun."""
        self._left -= records

    async def close(self) -> None:
        """Returns once nobody looks any more."""
        if self._looking is not None:
            await asyncio.wait([self._looking])

    async def _looked(self) -> None:
        if self._looking is not None:
            began = time.monotonic()
            await asyncio.wait([self._looking])
            intake.HELD_BACK.inc(time.monotonic() - began)

    async def _look(self) -> None:
        try:
            await asyncio.sleep(self._not_before - time.monotonic())
            left = self._left
            try:
                found = await asyncio.to_thread(self._measure)
            except UnavailableError as error:  # then nothing that is begun gets anywhere
                log.warning("not known what waits", reason=str(error))
                found = {}
            taken = left - self._left
            self._left = self._limit - taken - waiting(found, self._before)
            self._before, self._not_before = found, time.monotonic() + LOOK_S
        finally:
            self._looking = None


def waiting(found: Mapping[str, Standing], before: Mapping[str, Standing]) -> int:
    """The records before those who get on; of whom nothing is known yet, that they do is assumed.

    The engine counts also while it stands: nothing that is begun gets anywhere without it, and after an outage it comes
    back later than intake.
    """
    return sum(each.unread for name, each in found.items() if name == ENGINE or _gets_on(each, before.get(name)))


def _gets_on(now: Standing, before: Standing | None) -> bool:
    return before is None or now.read != before.read

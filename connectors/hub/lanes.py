"""What the calls of one connection share: so many places (the bulkhead), and a breaker.

A system that is slow or down takes up the places of its own connection and nobody else's. A lane belongs to an address:
where a name leads elsewhere from now on, that is another system, and the breaker of the old one says nothing about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from connectors.hub.breaker import Breaker, State
from connectors.hub.contract import Refused
from schemas.reasons import Reason

TOO_LATE = "the deadline passed before the call could be made"


class Lanes:
    """The lanes by connection; where there are many, those that are idle and well are forgotten."""

    def __init__(self, most: int, places: int) -> None:
        self._most = most
        self._places = places
        self._lanes: dict[str, Lane] = {}

    def of(self, connection: str, address: str) -> Lane:
        """The lane of the connection while it leads to this address."""
        lane = self._lanes.get(connection)
        if lane is None or lane.address != address:
            if len(self._lanes) >= self._most:
                self._lanes = {name: each for name, each in self._lanes.items() if not each.forgettable}
            lane = self._lanes[connection] = Lane(self._places, address)
        return lane

    def states(self) -> Mapping[str, State]:
        """Where the breaker of each connection stands; may be asked from any thread."""
        return {name: lane.breaker.state for name, lane in list(self._lanes.items())}


class Lane:
    """One connection's share of the hub."""

    def __init__(self, places: int, address: str) -> None:
        self.address = address
        self.breaker = Breaker(asyncio.get_running_loop().time)
        self._places = asyncio.Semaphore(places)
        self._users = 0

    @property
    def forgettable(self) -> bool:
        """Whether nothing is lost with it."""
        return self._users == 0 and self.breaker.state is State.CLOSED

    @asynccontextmanager
    async def place(self, ends_at: float) -> AsyncIterator[None]:
        """A place for one call; raises Refused (TIMED_OUT) if none is free until then."""
        self._users += 1
        try:
            await self._take(ends_at)
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._users -= 1

    async def _take(self, ends_at: float) -> None:
        try:
            async with asyncio.timeout_at(ends_at):
                await self._places.acquire()
        except TimeoutError:
            raise Refused(Reason.TIMED_OUT, TOO_LATE) from None

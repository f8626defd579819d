"""So many at once, and the others in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.hub.contract import Refused
from schemas.reasons import Reason

TOO_LATE = "the deadline passed before the call could be made"


class Place:
    """A place of one call."""

    __slots__ = ("waited",)

    def __init__(self, waited: bool) -> None:
        self.waited = waited  # for it


class Places:
    """Places and those who wait for one. Times are seconds of the event loop."""

    def __init__(self, count: Callable[[], int]) -> None:
        """`count` tells how many there are; who changes that calls `wake`."""
        self._count = count
        self._clock = asyncio.get_running_loop().time
        self._waiters: list[asyncio.Future[None]] = []
        self._inside: dict[object, float] = {}  # who has a place, and since when, in this order

    @property
    def free(self) -> bool:
        """Whether who came now would not have to wait."""
        return len(self._inside) < self._count() and not self._waiters

    @property
    def asked(self) -> int:
        """How many have a place or wait for one."""
        return len(self._inside) + len(self._waiters)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters)

    def since_given_s(self) -> float:
        """How long ago the last of the places that are taken was given."""
        return self._clock() - next(reversed(self._inside.values()), self._clock())

    async def enter(self, ends_at: float) -> Place:
        """A place for one call; raises Refused (TIMED_OUT) if none is free until then. Followed by `leave`."""
        waits = not self.free
        if waits:
            await self._queue(ends_at)
        place = Place(waits)
        self._inside[place] = self._clock()
        return place

    def leave(self, place: Place) -> float:
        """The call is over; gives how long it had its place."""
        held_s = self._clock() - self._inside.pop(place)
        if self._waiters:
            self.wake()
        return held_s

    def wake(self) -> None:
        """Gives free places to those who wait, in their order; the place is theirs from now on."""
        free = self._count() - len(self._inside)
        for turn in self._waiters:
            if free <= 0:
                return
            if not turn.done():
                turn.set_result(None)
                self._inside[turn] = self._clock()
                free -= 1

    async def _queue(self, ends_at: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        self.wake()
        try:
            async with asyncio.timeout_at(ends_at):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            self._leave_queue(turn)
            self.wake()  # the place may have been given in the same moment
            if isinstance(error, TimeoutError):
                raise Refused(Reason.TIMED_OUT, TOO_LATE) from None
            raise
        self._leave_queue(turn)

    def _leave_queue(self, turn: asyncio.Future[None]) -> None:
        self._waiters.remove(turn)
        self._inside.pop(turn, None)

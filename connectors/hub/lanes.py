"""What the calls of one connection share: so many places (the bulkhead), a rate, and a breaker.

A system that is slow or down takes up the places of its own connection and nobody else's. A lane belongs to an address:
where a name leads elsewhere from now on, that is another system, and the breaker of the old one says nothing about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from connectors.hub.breaker import Breaker, State
from connectors.hub.contract import Refused
from connectors.hub.limits import ConnectionLimits
from connectors.hub.rate import Rate
from connectors.hub.waiting import WaitsFor
from schemas.reasons import Reason

TOO_LATE = "the deadline passed before the call could be made"
WEIGHT = 0.2  # of the last call in the time that a call takes


class Place:
    """A place of one call."""

    __slots__ = ("waited",)

    def __init__(self, waited: bool) -> None:
        self.waited = waited  # for it


class Lanes:
    """The lanes by connection; where there are many, those that are idle and well are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: dict[str, Lane] = {}

    def of(self, connection: str, address: str, limits: ConnectionLimits) -> Lane:
        """The lane of the connection while it leads to this address."""
        lane = self._lanes.get(connection)
        if lane is None or lane.address != address:
            if len(self._lanes) >= self._most:
                self._lanes = {name: each for name, each in self._lanes.items() if not each.forgettable}
            lane = self._lanes[connection] = Lane(limits, address)
        if lane.limits is not limits:
            lane.adjust(limits)
        return lane

    def states(self) -> Mapping[str, State]:
        """Where the breaker of each connection stands; may be asked from any thread."""
        return {name: lane.breaker.state for name, lane in list(self._lanes.items())}


class Lane:
    """One connection's share of the hub."""

    def __init__(self, limits: ConnectionLimits, address: str) -> None:
        clock = asyncio.get_running_loop().time
        self.address = address
        self.limits = limits
        self.breaker = Breaker(clock, full=limits.concurrency)
        self.rate = Rate(clock, limits.per_s)
        self._clock = clock
        self._waiters: list[asyncio.Future[None]] = []
        self._inside: dict[object, float] = {}  # the calls that have a place, and since when, in this order
        self._usual_s = 0.0  # that a call has its place

    def adjust(self, limits: ConnectionLimits) -> None:
        """Takes over other limits; calls under way are not disturbed."""
        self.limits = limits
        self.rate.per_s = limits.per_s
        self.breaker.full = limits.concurrency
        self._wake()

    @property
    def forgettable(self) -> bool:
        """Whether nothing is lost with it."""
        return not self._inside and not self._waiters and self.breaker.state is State.CLOSED and not self.rate.wait_s()

    def expected_wait(self) -> tuple[WaitsFor, float]:
        """What a call that came now would wait for longest, and how many seconds about."""
        breaker_s, rate_s, place_s = self.breaker.wait_s(), self.rate.wait_s(), self._wait_for_place_s()
        if breaker_s >= rate_s and breaker_s >= place_s:
            return WaitsFor.BREAKER, breaker_s
        return (WaitsFor.RATE, rate_s) if rate_s >= place_s else (WaitsFor.PLACE, place_s)

    def _wait_for_place_s(self) -> float:
        ahead = len(self._inside) + len(self._waiters) + 1 - self.limits.concurrency
        if ahead <= 0:
            return 0.0
        latest_s = self._clock() - next(reversed(self._inside.values()), self._clock())  # since a place was given
        return max(self._usual_s, latest_s) * ahead / self.limits.concurrency

    async def enter(self, ends_at: float) -> Place:
        """A place for one call; raises Refused (TIMED_OUT) if none is free until then. Followed by `leave`."""
        waits = len(self._inside) >= self.limits.concurrency or bool(self._waiters)
        if waits:
            await self._queue(ends_at)
        place = Place(waits)
        self._inside[place] = self._clock()
        return place

    def leave(self, place: Place) -> None:
        """The call is over."""
        self._usual_s += WEIGHT * (self._clock() - self._inside.pop(place) - self._usual_s)
        if self._waiters:
            self._wake()

    async def _queue(self, ends_at: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        self._wake()
        try:
            async with asyncio.timeout_at(ends_at):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            self._leave_queue(turn)
            self._wake()  # the place may have been given in the same moment
            if isinstance(error, TimeoutError):
                raise Refused(Reason.TIMED_OUT, TOO_LATE) from None
            raise
        self._leave_queue(turn)

    def _leave_queue(self, turn: asyncio.Future[None]) -> None:
        self._waiters.remove(turn)
        self._inside.pop(turn, None)

    def _wake(self) -> None:
        """Gives free places to those who wait, in their order; the place is theirs from now on."""
        free = self.limits.concurrency - len(self._inside)
        for turn in self._waiters:
            if free <= 0:
                return
            if not turn.done():
                turn.set_result(None)
                self._inside[turn] = self._clock()
                free -= 1

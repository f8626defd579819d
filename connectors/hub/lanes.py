"""What the calls of one connection share: so many places (the bulkhead), a rate, and a breaker.

A system that is slow or down takes up the places of its own connection and nobody else's. A lane belongs to an address:
where a name leads elsewhere from now on, that is another system, and the breaker of the old one says nothing about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from connectors.hub.breaker import Breaker, Passage, State
from connectors.hub.limits import ConnectionLimits
from connectors.hub.places import Place, Places
from connectors.hub.rate import Rate
from connectors.hub.waiting import WaitsFor

WEIGHT = 0.2  # of the last call in the time that a call takes
UNKNOWN_S = 0.25  # that a call is taken to last where none has ended yet
QUICK_S = 0.1  # calls that last no longer are made ready while others are under way
READY = 4  # times as many as there are places, of those


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
    """One connection's share of the hub.

    A call takes a place when nothing but the sending is left. Before, where it can wait without being in anybody's way,
    it passes a gate: what lasts is let in as places get free, what is quick some time before, to be made ready.
    """

    def __init__(self, limits: ConnectionLimits, address: str) -> None:
        clock = asyncio.get_running_loop().time
        self.address = address
        self.limits = limits
        self.breaker = Breaker(clock, full=limits.concurrency)
        self.rate = Rate(clock, limits.per_s)
        self.gate = Places(lambda: self.limits.concurrency * (READY if self._lasts_s < QUICK_S else 1))
        self.places = Places(lambda: self.limits.concurrency)
        self._usual_s: float | None = None  # that a call has its place
        self._line_ends = 0.0  # when those that were handed back are to be through, if twice as quick as usual

    def adjust(self, limits: ConnectionLimits) -> None:
        """Takes over other limits; calls under way are not disturbed."""
        self.limits = limits
        self.rate.per_s = limits.per_s
        self.breaker.full = limits.concurrency
        self.gate.wake()
        self.places.wake()

    @property
    def forgettable(self) -> bool:
        """Whether nothing is lost with it."""
        in_use = self.gate.asked or self.places.asked or self.rate.wait_s()
        return not in_use and self.breaker.state is State.CLOSED

    @property
    def lets_in(self) -> bool:
        """Whether a call that came now would wait for nothing before it is made ready."""
        return not self.rate.wait_s() and self.breaker.lets_in and self.gate.free

    def expected_wait(self) -> tuple[WaitsFor, float]:
        """What a call that came now would wait for longest, and how many seconds about."""
        breaker_s, rate_s, place_s = self.breaker.wait_s(), self.rate.wait_s(), self._wait_for_place_s()
        if breaker_s >= rate_s and breaker_s >= place_s:
            return WaitsFor.BREAKER, breaker_s
        return (WaitsFor.RATE, rate_s) if rate_s >= place_s else (WaitsFor.PLACE, place_s)

    def _wait_for_place_s(self) -> float:
        before = max(self.gate.asked, self.places.asked + self.gate.waiting)
        ahead = before + 1 - self.limits.concurrency
        if ahead <= 0:
            return 0.0
        latest_s = self.places.since_given_s()  # where none got free for so long, none may for as long again
        return max(latest_s, self._lasts_s * ahead / self.limits.concurrency)

    def stand_in_line_s(self, waits_for: WaitsFor) -> float:
        """When a call that is handed back now may have its turn, behind those that were handed back before it.

        So that each of many comes again once or twice, and not all of them again and again.
        """
        share_s = 0.0 if self._usual_s is None else self._usual_s / self.limits.concurrency
        if waits_for is WaitsFor.RATE and self.limits.per_s is not None:
            share_s = 1 / self.limits.per_s
        now = asyncio.get_running_loop().time()
        self._line_ends = max(self._line_ends, now) + share_s / 2
        return self._line_ends - now

    @property
    def _lasts_s(self) -> float:
        return UNKNOWN_S if self._usual_s is None else self._usual_s

    async def pass_gate(self, until: float, *, gated: bool) -> tuple[Passage, Place | None]:
        """Waits until the breaker and, where it is `gated`, the gate let a call in; raises BreakerOpen, or Refused
        (TIMED_OUT), where that is not until then. Followed by `let_go`."""
        passage = await self.breaker.enter(until)
        try:
            return passage, (await self.gate.enter(until) if gated else None)
        except BaseException:
            self.breaker.leave(passage)
            raise

    def let_go(self, passage: Passage, let_in: Place | None) -> None:
        """The call that has passed is over, or was not made after all."""
        if let_in is not None:
            self.gate.leave(let_in)
        self.breaker.leave(passage)

    def leave(self, place: Place) -> None:
        """The call that had a place is over."""
        held_s = self.places.leave(place)
        self._usual_s = held_s if self._usual_s is None else self._usual_s + WEIGHT * (held_s - self._usual_s)

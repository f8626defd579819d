"""A circuit breaker per connection: while a system is down, its calls wait instead of being burnt.

Closed: calls pass. After `threshold` failures in a row it opens: calls wait for the cool-down, which doubles up to a
cap. Then one call passes as a probe (half open). If it fails the breaker opens again. If not, so many calls at once
pass as have succeeded since, until there are as many as there are places: a system that has just come back is not run
over by all that waited for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerOpen(Exception):
    """The breaker would not let a call pass before its time was up; nothing was sent."""


class Passage:
    """Permission for one call, which says afterwards whether the system was well."""

    __slots__ = ("healthy", "probe")

    def __init__(self, *, probe: bool) -> None:
        self.probe = probe  # whether it is let pass to see how the system is
        self.healthy: bool | None = None  # None: the call was given up before it could tell


class Breaker:
    """One breaker. Times are seconds of `clock`, which has to be the event loop's."""

    def __init__(
        self,
        clock: Callable[[], float],
        threshold: int = 5,
        cool_down_s: float = 0.5,
        max_cool_down_s: float = 15.0,
        full: int = 16,
    ) -> None:
        """`full` calls at once are as many as there may be."""
        self.full = full
        self._clock = clock
        self._threshold = threshold
        self._first_cool_down_s = cool_down_s
        self._cool_down_s = cool_down_s
        self._max_cool_down_s = max_cool_down_s
        self._failures = 0
        self._opens_at: float | None = None  # None: closed
        self._probing = False
        self._probed_at = 0.0  # the last time
        self._bound: int | None = None  # of calls at once, while it comes back
        self._inside = 0
        self._waiting = 0  # calls
        self._changed = asyncio.Event()

    @property
    def state(self) -> State:
        """The state now."""
        if self._opens_at is None:
            return State.CLOSED if self._bound is None else State.HALF_OPEN
        return State.HALF_OPEN if self._probing or self._clock() >= self._opens_at else State.OPEN

    @property
    def lets_in(self) -> bool:
        """Whether a call may pass now, if only as a probe."""
        if self._opens_at is not None:
            return not self._probing and self._clock() >= self._opens_at
        return self._bound is None or self._inside < self._bound

    def wait_s(self) -> float:
        """How long until a call may pass, or at least the next probe; a probe is taken to last as long again."""
        if self._opens_at is None:
            return 0.0
        now = self._clock()
        return now - self._probed_at if self._probing else max(0.0, self._opens_at - now)

    async def enter(self, until: float) -> Passage:
        """Waits until a call may pass; raises BreakerOpen if that will not be before `until`. Followed by `leave`."""
        passage = Passage(probe=await self._admit(until))
        self._inside += 1
        return passage

    def leave(self, passage: Passage) -> None:
        """The call is over, and the passage says what came of it."""
        self._inside -= 1
        self._settle(passage)

    async def _admit(self, until: float) -> bool:
        while not self.lets_in:
            wakes_at = until if self._probing or self._opens_at is None else self._opens_at
            if wakes_at > until or self._clock() >= until:
                raise BreakerOpen
            await self._change_or(wakes_at)
        if self._opens_at is None:
            return False
        self._probing, self._probed_at = True, self._clock()
        return True

    async def _change_or(self, when: float) -> None:
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(when):
                    await self._changed.wait()
        finally:
            self._waiting -= 1

    def _settle(self, passage: Passage) -> None:
        self._probing = self._probing and not passage.probe
        if passage.healthy:
            self._come_back(passage.probe)
        elif passage.healthy is False:
            self._fail(passage.probe)
        if self._waiting:
            self._changed.set()
            self._changed = asyncio.Event()

    def _come_back(self, probe: bool) -> None:
        if self._opens_at is not None:
            if not probe:
                return  # it was sent before the failures, and says nothing about what came after
            self._opens_at, self._bound = None, 0
        self._failures = 0
        if self._bound is not None:
            self._bound += 1
            if self._bound >= self.full:
                self._bound, self._cool_down_s = None, self._first_cool_down_s

    def _fail(self, probe: bool) -> None:
        self._failures += 1
        again = probe or (self._bound is not None and self._opens_at is None)
        if again:
            self._cool_down_s = min(self._cool_down_s * 2, self._max_cool_down_s)
        if again or (self._opens_at is None and self._failures >= self._threshold):
            self._bound = None
            self._opens_at = self._clock() + self._cool_down_s

"""How often a connection is called: as the site allows, and never while the remote side asks for quiet."""

from __future__ import annotations

from collections.abc import Callable

BURST_S = 1.0  # what was not used is kept for so long
LONGEST_QUIET_S = 3_600.0  # a system that asks for more is asked again all the same


class Rate:
    """The turns of the calls of one connection. Times are seconds of `clock`."""

    def __init__(self, clock: Callable[[], float], per_s: float | None = None) -> None:
        self.per_s = per_s
        self._clock = clock
        self._next = float("-inf")  # when the next call is due
        self._quiet_until = float("-inf")

    def wait_s(self) -> float:
        """How long a call would wait for its turn now."""
        now = self._clock()
        due = self._quiet_until
        if self.per_s is not None:
            due = max(due, self._next)
        return max(0.0, due - now)

    def take(self) -> None:
        """Takes the turn that `wait_s` tells of."""
        if self.per_s is not None:
            now = self._clock()
            kept_s = max(BURST_S, 1 / self.per_s) - 1 / self.per_s
            self._next = max(self._next, self._quiet_until, now - kept_s) + 1 / self.per_s

    def quiet(self, seconds: float) -> None:
        """The remote side has asked for no calls for so long."""
        self._quiet_until = max(self._quiet_until, self._clock() + min(seconds, LONGEST_QUIET_S))

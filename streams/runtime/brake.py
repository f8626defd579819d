"""What keeps a bad deploy from parking a whole topic: one partition parks only so many records a minute."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0


class Brake:
    """Counts what was let through in the last minute; `clock` is monotonic, in seconds."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._let_through: deque[tuple[float, int]] = deque()

    def wait_s(self, count: int) -> float:
        """How long the next `count` have to wait, which 0 lets through. More than may pass in a minute pass at once,
        when nothing has before them."""
        now = self._clock()
        while self._let_through and self._let_through[0][0] <= now - WINDOW_S:
            self._let_through.popleft()
        if self._let_through and sum(each for _, each in self._let_through) + count > self._a_minute:
            return self._let_through[0][0] + WINDOW_S - now
        self._let_through.append((now, count))
        return 0.0

"""Which records of a partition are finished: the only source of what is committed.

Offsets are handed out in order and finished in any order. The position to commit is the oldest record that is not finished, so
nothing is inferred from gaps that compaction or control records leave.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class Positions:
    """Progress in one partition, for one generation of the group."""

    __slots__ = ("_finished", "_next", "_open")

    def __init__(self) -> None:
        self._open: deque[int] = deque()  # handed out and not known to be finished, oldest first
        self._finished: set[int] = set()  # finished, but behind an older one that is not
        self._next: int | None = None  # behind the last record handed out

    def hand_out(self, offsets: Iterable[int]) -> None:
        """Notes records as delivered; their offsets rise from call to call."""
        self._open.extend(offsets)
        if self._open:
            self._next = self._open[-1] + 1

    def finish(self, offsets: Iterable[int]) -> None:
        """Notes records as finished: all their effects are durable."""
        self._finished.update(offsets)
        while self._open and self._open[0] in self._finished:
            self._finished.discard(self._open.popleft())

    @property
    def committable(self) -> int | None:
        """The position to commit: everything before it is finished. None before the first record."""
        return self._open[0] if self._open else self._next

    @property
    def unfinished(self) -> int:
        """How many records were handed out and hold up the position, the finished ones behind the oldest included."""
        return len(self._open)

"""Which records of a partition are finished: the only source of what is committed.

Offsets are handed out in order and finished in any order. The position to commit is the oldest record that is not
finished, so nothing is inferred from gaps that compaction or control records leave.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class Positions:
    """Progress in one partition, for one generation of the group, where records are finished in any order."""

    __slots__ = ("_finished", "_next", "_open")

    def __init__(self) -> None:
        self._open: deque[int] = deque()  # handed out and not known to be finished, oldest first
        self._finished: set[int] = set()  # finished, but behind an older one that is not
        self._next: int | None = None  # behind the last record handed out

    @property
    def next(self) -> int:
        """The offset behind the last record handed out; 0 before the first. What comes from before it was read
        twice."""
        return self._next or 0

    def hand_out(self, offsets: Sequence[int]) -> None:
        """Notes records as delivered; their offsets rise from call to call."""
        self._open.extend(offsets)
        if offsets:
            self._next = offsets[-1] + 1

    def finish(self, offsets: Sequence[int]) -> None:
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


class OrderedPositions(Positions):
    """The same where records are finished in the order in which they were handed out: two numbers are enough."""

    __slots__ = ("_count", "_first")

    def __init__(self) -> None:
        super().__init__()
        self._first: int | None = None
        self._count = 0

    def hand_out(self, offsets: Sequence[int]) -> None:
        """See `Positions`."""
        if self._first is None and offsets:
            self._first = offsets[0]
        self._count += len(offsets)
        if offsets:
            self._next = offsets[-1] + 1

    def finish(self, offsets: Sequence[int]) -> None:
        """See `Positions`; the offsets are the oldest that are not finished."""
        self._first = offsets[-1] + 1
        self._count -= len(offsets)

    @property
    def committable(self) -> int | None:
        """See `Positions`."""
        return self._first

    @property
    def unfinished(self) -> int:
        """See `Positions`."""
        return self._count

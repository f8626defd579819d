"""Rows that fall due: the timers of a table partition.

The due time stands in the row itself, so timers are as durable as the state. Only those due within a horizon are kept
in memory; a wait of months costs nothing until its hour comes, when a scan of the store brings it in.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

HORIZON_MS = 3_600_000
RETRY_MS = 30_000  # a row that is still due after it was offered is offered again


class DueIndex:
    """The keys of one table partition that fall due before the horizon, soonest first."""

    def __init__(self) -> None:
        self._due: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []  # may hold stale entries; `_due` is the truth
        self.horizon_ms = 0

    def refill(self, now_ms: int, dues: Iterable[tuple[bytes, int]]) -> None:
        """Moves the horizon on; `dues` are the (key, due) of all rows that have a due time."""
        self.horizon_ms = now_ms + HORIZON_MS
        self._due = {key: due for key, due in dues if 0 < due <= self.horizon_ms}
        self._rebuild()

    def note(self, key: bytes, due_ms: int) -> None:
        """A row was written with this due time; 0 if it has none or was deleted."""
        if not 0 < due_ms <= self.horizon_ms:
            self._due.pop(key, None)
        elif self._due.get(key) != due_ms:
            self._due[key] = due_ms
            heapq.heappush(self._heap, (due_ms, key))
            if len(self._heap) > 2 * len(self._due) + 1_000:
                self._rebuild()

    def next_ms(self) -> int | None:
        """When to look again: the soonest due time known, or the horizon. None before the first refill."""
        if self._heap:
            return min(self._heap[0][0], self.horizon_ms)
        return self.horizon_ms or None

    def take(self, now_ms: int, limit: int) -> list[bytes]:
        """Keys whose time has come; each is offered again later, in case nothing comes of it."""
        keys: list[bytes] = []
        while self._heap and self._heap[0][0] <= now_ms and len(keys) < limit:
            due_ms, key = heapq.heappop(self._heap)
            if self._due.get(key) == due_ms:
                keys.append(key)
                del self._due[key]
        for key in keys:
            self.note(key, now_ms + RETRY_MS)
        return keys

    def _rebuild(self) -> None:
        self._heap = [(due, key) for key, due in self._due.items()]
        heapq.heapify(self._heap)

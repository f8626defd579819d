"""The rows of one partition, as the runtime keeps them, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext

from streams.runtime.processor import Effects, Record, Row


class Table:
    """What a handler sees of its state; `apply` makes durable what it returned, and losing it is a crash."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Row] = {}
        self.writes: list[dict[bytes, Row | None]] = []
        self.told_to_take: list[float] = []

    def get(self, key: bytes) -> Row | None:
        return self.rows.get(key)

    async def write(self, changes: dict[bytes, Row | None]) -> None:
        self.writes.append(changes)
        self.change(changes)

    def rest(self, record: Record) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def takes(self, seconds: float) -> None:
        self.told_to_take.append(seconds)

    def apply(self, effects: Effects) -> Effects:
        self.change(effects.changes)
        return effects

    def change(self, changes: Mapping[bytes, Row | None]) -> None:
        for key, row in changes.items():
            self.rows.pop(key, None)
            if row is not None:
                self.rows[key] = row

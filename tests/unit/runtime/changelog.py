"""A changelog in memory: appended to and read as the real one, by any number of owners, with failures on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.runtime.epochs import LogRecord, decode_epoch
from streams.runtime.writer import DeliveryError, Written


class MemoryLog:
    """One partition; stands for reader and writer of every owner."""

    topic = "memory"
    partition = 0
    closed = False

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.fail_before = self.fail_after = 0  # 1: the next append fails, before or after the records are in the log

    def bounds(self) -> tuple[int, int]:
        """First offset, and the one behind the last."""
        return 0, len(self.records)

    def read(self, start: int, end: int | None = None) -> Iterator[list[LogRecord]]:
        """In batches of two, so that batches end anywhere."""
        records = self.records[start:end]
        for first in range(0, len(records), 2):
            yield records[first : first + 2]

    async def append(
        self, topic: str, partition: int, changes: Sequence[tuple[bytes, bytes | None]], header: tuple[str, bytes]
    ) -> list[Written]:
        """As `Writer.append`."""
        self._fail("fail_before")
        first, epoch = len(self.records), decode_epoch([header])
        self.records += [LogRecord(first + n, key, value, epoch) for n, (key, value) in enumerate(changes)]
        self._fail("fail_after")
        return [Written(first, len(changes))]

    def _fail(self, moment: str) -> None:
        countdown = getattr(self, moment)
        if countdown:
            setattr(self, moment, countdown - 1)
        if countdown == 1:
            raise DeliveryError("on demand")

"""Logs that are no longer those that were read: they lost their end, or the topic was made anew.

Offsets are used again then, and who trusts the old ones drops what comes: the group's position lies behind the end of
the log, and rows that note the offset of their last record take new records for old ones. It is told and set right: the
log is read from its beginning, and the rows forget their offsets. What is read twice by that is known by its ids.

A log that has grown past the old offsets again is known by the record at the last of them, which is of another key.
The group's positions need no such look: Kafka forgets them with the topic.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from streams.runtime import metrics
from streams.runtime.processor import Processor, Row
from streams.runtime.reader import Partition
from streams.runtime.store import encode_row
from streams.runtime.table import TablePartition
from streams.runtime.threads import in_thread

BATCH = 1_000  # rows in one write

log = structlog.get_logger()


class ShortenedError(Exception):
    """An input ends before what was read of it; the process ends, and its next start sets it right."""


def check_running(processor: str, positions: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
    """Raises ShortenedError where an input has become shorter while it is being read. `ends` were asked for later."""
    for partition, position in positions.items():
        if position > ends.get(partition, position):
            raise ShortenedError(
                f"{processor}: {partition.topic}[{partition.number}] ends at {ends[partition]}, read up to {position}"
            )


def true_starts(
    processor: str, committed: Mapping[Partition, int | None], ends: Mapping[Partition, int]
) -> dict[Partition, int | None]:
    """Where to begin: what is committed, or the beginning (None) where the log ends before that."""
    starts = dict(committed)
    for partition, position in committed.items():
        if position is not None and position > ends.get(partition, position):
            tell(processor, partition, position, ends[partition])
            starts[partition] = None
    return starts


async def last_read(processor: Processor, table: TablePartition) -> tuple[int, bytes]:
    """The highest offset that a row notes, -1 for none, and the key of that row."""
    return await in_thread(_last_read, processor, table)


async def mend_rows(processor: Processor, table: TablePartition, read: int, end: int, partition: Partition) -> None:
    """Has the rows forget their offsets."""
    tell(processor.declaration.name, partition, read, end)
    rows = await in_thread(lambda: list(table.store.rows()))
    for first in range(0, len(rows), BATCH):
        changes: dict[bytes, Row | None] = {key: processor.reread(row) for key, row in rows[first : first + BATCH]}
        encoded = [(key, encode_row(row)) for key, row in changes.items()]
        await table.append(encoded)
        table.apply(changes, encoded)


def notes_offsets(processor: Processor) -> bool:
    """Whether the rows of a processor hold offsets of its input."""
    return type(processor).read_up_to is not Processor.read_up_to


def tell(processor: str, partition: Partition, read: int, end: int) -> None:
    """Says it in the log and counts it."""
    metrics.SHORTENED.labels(processor, partition.topic).inc()
    log.error(
        "input is not what was read of it: it lost its end or was made anew; it is read again from its beginning",
        processor=processor,
        topic=partition.topic,
        partition=partition.number,
        read=read,
        end=end,
    )


def _last_read(processor: Processor, table: TablePartition) -> tuple[int, bytes]:
    return max(((processor.read_up_to(row), key) for key, row in table.store.rows()), default=(-1, b""))

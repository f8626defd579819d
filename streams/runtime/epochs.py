"""Whose changelog record counts: epochs against a writer that was stopped, replaced, and woke up again.

Every owner of a table partition takes an epoch one above the highest that it has seen and appends a fence; every
record carries its writer's epoch in a header. A record whose epoch is lower than one before it in the log was written
by a zombie: it does not count, and the key it touched is written again with the right value. An owner that meets a
higher epoch is itself the zombie.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

EPOCH_HEADER = "epoch"
FENCE_KEY = b"\x00fence"


class LogRecord(NamedTuple):
    """What matters of a changelog record."""

    offset: int
    key: bytes
    value: bytes | None
    epoch: int


class Superseded(Exception):
    """A newer owner has written to the changelog: this process is a zombie and must end without touching its store."""


class EpochReader:
    """Reads a changelog in order and tells the records that count from those of zombies."""

    def __init__(self, epoch: int = 0) -> None:
        self.highest = epoch  # highest epoch seen
        self.touched: set[bytes] = set()  # keys that a zombie wrote and nobody has written since

    def accept(self, record: LogRecord) -> bool:
        """Whether the record is part of the state. Fences only raise the epoch."""
        if record.epoch < self.highest:
            if record.key != FENCE_KEY:
                self.touched.add(record.key)
            return False
        self.highest = record.epoch
        self.touched.discard(record.key)
        return record.key != FENCE_KEY


def foreign_keys(gap: Iterable[LogRecord], epoch: int) -> set[bytes]:
    """Keys that others wrote while the owner of `epoch` thought it was alone.

    Raises Superseded if one of the others came later: then we are the zombie.
    """
    keys = set()
    for record in gap:
        if record.epoch > epoch:
            raise Superseded(f"changelog record {record.offset} has epoch {record.epoch}, ours is {epoch}")
        if record.epoch < epoch and record.key != FENCE_KEY:
            keys.add(record.key)
    return keys


def encode_epoch(epoch: int) -> tuple[str, bytes]:
    """The header of a changelog record."""
    return EPOCH_HEADER, str(epoch).encode()


def decode_epoch(headers: Iterable[tuple[str, bytes]] | None) -> int:
    """The epoch of a record; 0 where there is none."""
    return next((int(value) for name, value in headers or () if name == EPOCH_HEADER), 0)

"""What scenarios publish and what they must come to; shared by all kinds of toys."""

from __future__ import annotations

from typing import NamedTuple

from streams.ground.topic import Keyed, Topic
from streams.runtime.processor import Message

TABLE = "state"
DONE, DOUBTFUL = b"done", b"unknown"


class Input(NamedTuple):
    """A record to publish; `number` counts within its key, from 1."""

    key: bytes
    number: int
    payload: bytes

    @property
    def value(self) -> bytes:
        return b"%d:%s" % (self.number, self.payload)

    @property
    def id(self) -> bytes:
        return b"%s/%d" % (self.key, self.number)


class Expected(NamedTuple):
    """What must be true in the end. Outputs are by id; where several values are listed, any of them is right."""

    outputs: dict[bytes, set[bytes]]
    table: dict[bytes, set[bytes]]


def parse(message: Message) -> Input:
    """The item that a record is."""
    record = message.record
    assert record.key is not None
    assert record.value is not None
    number, payload = record.value.split(b":", 1)
    return Input(record.key, int(number), payload)


def topic(scenario: str, end: str) -> Topic:
    """A topic of a scenario; its keys are nobody's, so that records stay on their partition."""
    return Topic(name=f"{scenario}.{end}", messages=(), keyed=Keyed.CAUSE)


def recognised(item: Input) -> bool:
    """Whether the ledger knows it again."""
    return item.number % 2 == 1

"""Parking: a record that cannot be used goes aside as it is, and its partition goes on."""

from __future__ import annotations

from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.runtime.processor import Output, Record

PARKING = Topic(
    name="engine.parking.record.v1",
    messages=(),
    keyed=Keyed.CAUSE,
    written_by="every processor",
    retention_ms=30 * DAY_MS,
)

_TOPIC = "parked.topic"


def parked(record: Record, processor: str, reason: str) -> Output:
    """The record with its own bytes and headers, and where it came from and why it is here in further headers."""
    origin = {
        "parked.processor": processor,
        "parked.reason": reason,
        _TOPIC: record.topic,
        "parked.partition": str(record.partition),
        "parked.offset": str(record.offset),
        "parked.timestamp_ms": str(record.timestamp_ms),
    }
    headers = [*record.headers, *((name, text.encode()) for name, text in origin.items())]
    return Output(PARKING, record.key, record.value, headers)


def origin(output: Output) -> str:
    """The topic that a parked record came from."""
    return next(value.decode() for name, value in reversed(output.headers) if name == _TOPIC)

"""Parking: a record that cannot be read goes aside as it is, and its partition goes on."""

from __future__ import annotations

from streams.ground.topics import PARKING
from streams.runtime.processor import Output, Record


def parked(record: Record, processor: str, reason: str) -> Output:
    """The record with its own bytes and headers, and where it came from and why it is here in further headers."""
    origin = {
        "parked.processor": processor,
        "parked.reason": reason,
        "parked.topic": record.topic,
        "parked.partition": str(record.partition),
        "parked.offset": str(record.offset),
        "parked.timestamp_ms": str(record.timestamp_ms),
    }
    headers = [*record.headers, *((name, text.encode()) for name, text in origin.items())]
    return Output(PARKING, record.key, record.value, headers)

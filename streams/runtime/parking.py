"""Parking: a record that cannot be used goes aside as it is, and its partition goes on.

A record may be larger than what the parking topic takes, as brokers measure a batch as it was compressed. Of such a
record the place is parked: where it stands, how large it is, and the hash of its value.
"""

from __future__ import annotations

import hashlib

from streams.ground.topic import DAY_MS, MAX_WRITTEN_BYTES, Keyed, Topic
from streams.runtime.processor import Headers, Output, Record

PARKING = Topic(
    name="engine.parking.record.v1",
    messages=(),
    keyed=Keyed.CAUSE,
    written_by="every processor",
    retention_ms=30 * DAY_MS,
)

MAX_REASON = 500  # characters; it may name what a foreign schema is called

_PREFIX = "parked."
_TOPIC = "parked.topic"
_NAMES = tuple(_PREFIX + each for each in ("processor", "reason", "topic", "partition", "offset", "timestamp_ms"))
_NAMES_BY_PLACE = tuple(_PREFIX + each for each in ("left_out", "size", "value_sha256"))
_ROOM_BYTES = 8_192  # for the headers that say where it came from
_CUT_KEY_BYTES = 256


def parked(record: Record, processor: str, reason: str) -> Output:
    """The record with its own bytes and headers, and where it came from and why it is here in further headers.

    One that is too large is parked by its place: `parked.left_out` names what is not there of it.
    """
    origin = {
        "parked.processor": processor,
        "parked.reason": reason[:MAX_REASON],
        _TOPIC: record.topic,
        "parked.partition": str(record.partition),
        "parked.offset": str(record.offset),
        "parked.timestamp_ms": str(record.timestamp_ms),
    }
    if size_bytes(record.key, record.value, record.headers) + _ROOM_BYTES > MAX_WRITTEN_BYTES:
        return _by_place(record, origin)
    return Output(PARKING, record.key, record.value, [*record.headers, *_encoded(origin)])


def size_bytes(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """What a record takes on the wire, about."""
    return len(key or b"") + len(value or b"") + sum(len(name) + len(text or b"") + 8 for name, text in headers)


def origin(output: Output) -> str:
    """The topic that a parked record came from."""
    return next(value.decode() for name, value in reversed(output.headers) if name == _TOPIC)


def came_from(record: Record) -> tuple[dict[str, str], Headers] | None:
    """What a record of the parking topic says of where it came from, and its own headers; None where it says nothing.

    Theirs are the last: its own may have the same names.
    """
    names = tuple(name for name, _ in record.headers)
    for ours in (_NAMES, _NAMES + _NAMES_BY_PLACE):
        if names[-len(ours) :] == ours:
            own, told = record.headers[: -len(ours)], record.headers[-len(ours) :]
            texts = {name.removeprefix(_PREFIX): (text or b"").decode(errors="replace") for name, text in told}
            return (texts, own) if all(texts[each].isdigit() for each in ("partition", "offset")) else None
    return None


def _by_place(record: Record, origin: dict[str, str]) -> Output:
    value = record.value or b""
    keeps_headers = size_bytes(record.key, None, record.headers) + _ROOM_BYTES <= MAX_WRITTEN_BYTES
    told = origin | {
        "parked.left_out": "value" if keeps_headers else "value, headers, end of the key",
        "parked.size": str(size_bytes(record.key, record.value, record.headers)),
        "parked.value_sha256": hashlib.sha256(value).hexdigest(),
    }
    if keeps_headers:
        return Output(PARKING, record.key, None, [*record.headers, *_encoded(told)])
    return Output(PARKING, record.key and record.key[:_CUT_KEY_BYTES], None, _encoded(told))


def _encoded(origin: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(name, text.encode(errors="replace")) for name, text in origin.items()]

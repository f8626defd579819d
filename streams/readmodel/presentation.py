"""What people read: stored messages as JSON with times in RFC 3339 and the cause of every history entry decoded.

Members that are JSON already are put into the answer as they are, without being parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.codec import Codec, UndecodableRecord
from schemas.payload import Payload

Json = dict[str, Any]


def instance(row: Mapping[str, Any]) -> Json:
    """An instance as the lists show it."""
    return _members(row)


async def history_entry(codec: Codec, message: bytes) -> Json:
    """One history entry: when, what caused it, what changed."""
    _, entry = await codec.decode_learning(message)
    cause = await _cause(codec, entry["cause"])
    shown = _members({name: entry[name] for name in ("seq", "at_ms", "status")})
    return {**shown, "cause": cause, "transitions": _readable(entry["transitions"])}


def message(data: Mapping[str, Any]) -> Json:
    """A decoded message in full."""
    return _members(data)


async def record(codec: Codec, message: bytes) -> Json:
    """A stored message in full."""
    _, data = await codec.decode_learning(message)
    return _members(data)


def rfc3339(at_ms: int) -> str:
    """A Unix time in milliseconds as text, in UTC; the number itself where no calendar reaches."""
    try:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return str(at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumps(value: Any) -> bytes:
    """The JSON text of a presented value."""
    return orjson.dumps(value)


async def _cause(codec: Codec, framed: bytes) -> Json:
    """The inbox record that an engine step took: its kind and its fields, the instance's id left out."""
    try:
        name, data = await codec.decode_learning(framed)
    except UndecodableRecord as error:
        return {"kind": None, "detail": error.reason}
    shown = {key: value for key, value in data.items() if key != "instance_id" and value is not None}
    return {"kind": name.rpartition(".")[2], **_members(shown)}


def _members(data: Mapping[str, Any]) -> Json:
    return {key.removesuffix("_ms"): _readable(item, key) for key, item in data.items()}


def _readable(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, Payload):
        return value.fragment()
    if isinstance(value, int) and name.endswith("_ms"):
        return rfc3339(value)
    return value

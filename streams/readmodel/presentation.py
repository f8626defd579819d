"""What people read: stored messages as JSON with times in RFC 3339 and the cause of every history entry decoded.

Members that are JSON already are put into the answer as they are, without being parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.codec import Codec, UndecodableRecord
from schemas.lifecycle import Status
from schemas.payload import ATTRIBUTE, Json, Payload
from schemas.reasons import Reason
from schemas.times import rfc3339

_MOMENT = "_ms"  # ends the name of a field that is a moment, Unix time in milliseconds
Shown = dict[str, Json]  # what people read, by member


def instance(row: Mapping[str, Any]) -> Shown:
    """An instance as the lists show it."""
    return {**_members(row), "error": _error(row["status"], row["error"])}


async def history_entry(codec: Codec, row: Mapping[str, Any]) -> Shown:
    """One history entry: when, what caused it, what changed; of one that cannot be read, when and why not."""
    try:
        _, entry = await codec.decode_learning(row["message"])
    except UndecodableRecord as error:
        known = _members({"seq": row["seq"], "at_ms": row["at_ms"], "status": None})
        return {**known, "cause": {"kind": None, "detail": error.reason}, "transitions": []}
    cause = await _cause(codec, entry["cause"])
    shown = _members({name: entry[name] for name in ("seq", "at_ms", "status")})
    return {**shown, "cause": cause, "transitions": _readable(entry["transitions"])}


def message(data: Mapping[str, Any]) -> Shown:
    """A decoded message in full."""
    return _members(data)


async def record(codec: Codec, message: bytes) -> Shown:
    """A stored message in full."""
    _, data = await codec.decode_learning(message)
    return _members(data)


def json_schema(record: Mapping[str, Any]) -> dict[str, Mapping[str, Json]]:
    """The JSON Schema of every member of a message that is shown in full, from the message's Avro schema."""
    return {shown_name(field["name"]): _member_schema(field) for field in record["fields"]}


def shown_name(field: str) -> str:
    """The name of a field in what people read: a moment is told as a text there, not in milliseconds."""
    return field.removesuffix(_MOMENT)


def dumps(value: Any) -> bytes:
    """The JSON text of a presented value."""
    return orjson.dumps(value)


async def _cause(codec: Codec, framed: bytes) -> Shown:
    """The inbox record that an engine step took: its kind and its fields, the instance's id left out."""
    try:
        name, data = await codec.decode_learning(framed)
    except UndecodableRecord as error:
        return {"kind": None, "detail": error.reason}
    shown = {key: value for key, value in data.items() if key != "instance_id" and value is not None}
    return {"kind": name.rpartition(".")[2], **_members(shown)}


def _error(status: str, told: str | None) -> Json:
    """Why an instance faulted or was cancelled: a problem."""
    try:
        found = orjson.loads(told or "null")
    except orjson.JSONDecodeError:
        return None
    if status != Status.CANCELLED or not isinstance(found, dict):
        return found
    return {"title": "Cancelled", "detail": found.get("reason"), "reason": Reason.CANCELLED, "by": found.get("actor")}


def _members(data: Mapping[str, Any]) -> Shown:
    return {shown_name(key): _readable(item, key) for key, item in data.items()}


def _readable(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, Payload):
        return value.fragment()
    if isinstance(value, int) and name.endswith(_MOMENT):
        return rfc3339(value)
    return value


def _member_schema(field: Mapping[str, Any]) -> Mapping[str, Json]:
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    (kind,) = [each for each in kinds if each != "null"]
    if field.get(ATTRIBUTE):
        return {}
    if isinstance(kind, Mapping) and kind["type"] == "array":
        return {"type": "array", "items": _TYPES.get(str(kind["items"]), {})}
    name = "string" if field["name"].endswith(_MOMENT) else kind
    known = _TYPES.get(str(name), {})
    return {"type": [known["type"], "null"]} if known and "null" in kinds else known


_TYPES: Mapping[str, Mapping[str, str]] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "long": {"type": "integer"},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
}

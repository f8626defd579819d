"""Business data on its way: the one place where it becomes bytes, and where bytes become data again.

Every message that carries data of the business carries it as a `Payload`: JSON in UTF-8 today. Which fields those are,
the Avro schemas say (`"payload": true`), and the codec takes and gives them as payloads. So whatever is to be done to
all business data (masking it in what is printed, sealing personal values, keeping large ones elsewhere) is done here.

The first byte says what follows. JSON never begins below 0x09; `RESERVED` names what the bytes below are kept for, so
that a later version can bring them without touching a byte that is written today.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import msgspec
import orjson

from schemas.jsontext import written

Json = Any
"""A JSON value: None, bool, int, float, str, list[Json], dict[str, Json]. Never changed once it is made."""

ATTRIBUTE: Final = "payload"
"""Attribute of a field of bytes in an Avro schema: the field is data of the business."""

RESERVED: Final = MappingProxyType({0x01: "sealed", 0x02: "kept elsewhere (claim check)", 0x03: "compressed"})
_FIRST_OF_JSON = 0x09


class Door(StrEnum):
    """The ways on which data of the business comes in from outside."""

    GATEWAY = "gateway"  # an HTTP request that is no event: a run by hand, an edit
    INTAKE = "intake"  # a business event
    RESULT = "result"  # what an outside system or a model answered
    ANSWER = "answer"  # what a person answered
    EDIT = "edit"  # what an operator changed in a repair


class UnreadablePayloadError(ValueError):
    """The bytes are no JSON, or of a form that this version does not know. Never quotes them."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """Data of the business as bytes. Two payloads are equal when their bytes are; shown, it tells its size only.

    Make one by `inside` or `from_outside`, never by itself: which of the two says whether the data has passed a door.
    """

    raw: bytes

    @classmethod
    def inside(cls, raw: bytes) -> Payload:
        """Bytes that are ours already: JSON that the engine made, or what a message brought."""
        return cls(raw)

    @classmethod
    def from_outside(cls, value: Json, door: Door) -> Payload:
        """Data that comes in by a door, as bytes.

        Raises UnfitDataError for what cannot be taken: numbers beyond 64 bits, text that is no Unicode, data nested too
        deeply.
        """
        return cls(written(value))

    def value(self) -> Json:
        """The data. Raises UnreadablePayloadError, which says why without quoting a byte."""
        try:
            return orjson.loads(self.raw)
        except orjson.JSONDecodeError as error:
            raise UnreadablePayloadError(_why(self.raw, error)) from None

    def fragment(self) -> orjson.Fragment:
        """The data as a part of a JSON text that orjson writes, without being parsed. Raises UnreadablePayloadError."""
        if self.raw and self.raw[0] < _FIRST_OF_JSON:
            raise UnreadablePayloadError(_why(self.raw, None))
        return orjson.Fragment(self.raw or b"null")

    def __len__(self) -> int:
        return len(self.raw)

    def __repr__(self) -> str:
        return f"<payload of {len(self.raw)} bytes>"


def _why(raw: bytes, error: orjson.JSONDecodeError | None) -> str:
    kept_for = RESERVED.get(raw[0]) if raw else None
    if kept_for is not None:
        return f"the data is {kept_for}, which this version cannot read"
    return "no JSON" if error is None else f"no JSON: {error.msg} (line {error.lineno}, column {error.colno})"


def wrapped(schema: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of a record schema with payloads where it has bytes that are data of the business."""
    return _record(schema, message, schema.get("__named_schemas", {}))


def unwrapped(value: Any) -> Any:
    """A message, or a part of one, with the bytes of its payloads in their place."""
    if isinstance(value, Payload):
        return value.raw
    if isinstance(value, Mapping):
        return {name: unwrapped(item) for name, item in value.items()}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value


def _record(schema: Mapping[str, Any], message: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    fields = {field["name"]: field for field in schema["fields"]}
    return {
        name: Payload(value)
        if fields[name].get(ATTRIBUTE) and value is not None
        else _value(fields[name]["type"], value, named)
        for name, value in message.items()
    }


def _value(schema: Any, value: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        branches = [branch for branch in schema if branch != "null"]
        schema = branches[0] if len(branches) == 1 else None  # messages of ours have no other unions
    if isinstance(schema, str):
        schema = named.get(schema, schema)
    if value is None or not isinstance(schema, Mapping):
        return value
    if schema["type"] == "record":
        return _record(schema, value, named)
    return [_value(schema["items"], item, named) for item in value] if schema["type"] == "array" else value

"""What calls that publish a message have in common, whatever takes it: its id, its bytes, the attributes of an event.

A message of the same step has the same id however often it is sent. So readers that follow CloudEvents know a second
one; others can go by the id that stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from connectors.codecs import bodies as codecs
from connectors.hub.contract import Asked
from schemas import cloudevents
from schemas.payload import Json

MOST_BYTES = 1_000_000  # what brokers take unless they are told otherwise
TEXT = "text/plain; charset=utf-8"
_OURS = ("id", "specversion", "datacontenttype")


def id_of(asked: Asked) -> str:
    """The id of the message of a call; it tells a stranger nothing about the step."""
    return sha256(asked.call.key.encode()).hexdigest()[:32]


def content_of(asked: Asked, value: Json) -> bytes:
    """A text as it is, anything else as JSON. Raises ArgumentError."""
    try:
        return value.encode() if isinstance(value, str) else codecs.encode(value, codecs.JSON)
    except (codecs.CodecError, UnicodeEncodeError):
        raise asked.operation.fault("value", "has what is no text", "take it out") from None


def structured(asked: Asked, value: Json) -> bytes:
    """The CloudEvent of a call in one JSON. Raises ArgumentError."""
    return content_of(asked, {**attributes_of(asked), "datacontenttype": codecs.JSON, "data": value})


def attributes_of(asked: Asked) -> Mapping[str, str]:
    """What the CloudEvent of a call says of itself. Raises ArgumentError."""
    given = scalars(asked, "event")
    if ours := [name for name in _OURS if name in given]:
        raise asked.operation.fault(f"event.{ours[0]}", "is written by itself", "leave it out")
    attributes = {"specversion": cloudevents.SPEC_VERSION, "id": id_of(asked), **given}
    for fault in cloudevents.check_attributes(attributes):
        place = f"event.{fault.place}" if fault.place in (*cloudevents.REQUIRED, "time") else "event"
        raise asked.operation.fault(place, fault.message)
    return attributes


def scalars(asked: Asked, name: str) -> Mapping[str, str]:
    """The members of an argument, as texts."""
    members = asked.arguments.get(name)
    return {each: codecs.text(value) for each, value in members.items()} if isinstance(members, dict) else {}


def check_size(asked: Asked, content: bytes) -> None:
    """Raises ArgumentError for what no broker takes."""
    if len(content) > MOST_BYTES:
        raise asked.operation.fault("value", f"is longer than {MOST_BYTES:,} bytes", "hand over a reference to it")

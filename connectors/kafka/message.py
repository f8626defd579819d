"""What is published: the bytes of a message, its key and its headers, from the arguments of a call.

An event of the same step has the same id however often it is sent. So readers that follow CloudEvents know a second
one; others can go by the header `idempotency-key`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from connectors.codecs import bodies as codecs
from connectors.hub.contract import Asked
from schemas import cloudevents
from schemas.cloudevents_http import STRUCTURED
from schemas.payload import Json

MOST_BYTES = 1_000_000  # what brokers take unless they are told otherwise
ID_HEADER = "idempotency-key"
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_HEADER = re.compile(r"[\x21-\x7e]{1,200}")
_OURS = ("id", "specversion", "datacontenttype")

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a topic."""

    id: str
    topic: str
    key: bytes | None = field(repr=False)
    value: bytes = field(repr=False)
    headers: Headers = field(repr=False)


def written(asked: Asked) -> Message:
    """The message of a call. Raises ArgumentError."""
    given = asked.arguments
    topic, value = str(given["topic"]), given["value"]
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise asked.operation.fault("topic", "is no name of a topic")
    if "mode" in given and "event" not in given:
        raise asked.operation.fault("mode", "is of an event, and there is none", "write event, or leave mode out")
    id_ = sha256(asked.call.key.encode()).hexdigest()[:32]  # tells a stranger nothing about the step
    headers = list(_headers(asked))
    if "event" not in given:
        content = _bytes(asked, value)
        kind = "text/plain; charset=utf-8" if isinstance(value, str) else codecs.JSON
        headers += [(cloudevents.CONTENT_TYPE_HEADER, kind.encode())]
    else:
        attributes = _attributes(asked, id_)
        if given.get("mode") == "STRUCTURED":
            content = _bytes(asked, {**attributes, "datacontenttype": codecs.JSON, "data": value})
            headers += [(cloudevents.CONTENT_TYPE_HEADER, STRUCTURED.encode())]
        else:
            content = codecs.encode(value, codecs.JSON)
            headers += cloudevents.to_headers(attributes, codecs.JSON)
    if len(content) > MOST_BYTES:
        raise asked.operation.fault("value", f"is longer than {MOST_BYTES:,} bytes", "hand over a reference to it")
    key = str(given["key"]).encode() if "key" in given else None
    return Message(id_, topic, key, content, (*headers, (ID_HEADER, id_.encode())))


def _bytes(asked: Asked, value: Json) -> bytes:
    try:
        return value.encode() if isinstance(value, str) else codecs.encode(value, codecs.JSON)
    except (codecs.CodecError, UnicodeEncodeError):
        raise asked.operation.fault("value", "has what is no text", "take it out") from None


def _headers(asked: Asked) -> Iterator[tuple[str, bytes]]:
    for name, value in _members(asked, "headers").items():
        lower = name.lower()
        if not _HEADER.fullmatch(name):
            raise asked.operation.fault("headers", "has a name that is none")
        if lower in (ID_HEADER, cloudevents.CONTENT_TYPE_HEADER) or lower.startswith(cloudevents.HEADER_PREFIX):
            raise asked.operation.fault("headers", "has one that is written by itself", "leave it out, or write event")
        yield name, value.encode("utf-8", "replace")


def _attributes(asked: Asked, id_: str) -> Mapping[str, str]:
    given = _members(asked, "event")
    if ours := [name for name in _OURS if name in given]:
        raise asked.operation.fault(f"event.{ours[0]}", "is written by itself", "leave it out")
    attributes = {"specversion": cloudevents.SPEC_VERSION, "id": id_, **given}
    for fault in cloudevents.check_attributes(attributes):
        place = f"event.{fault.place}" if fault.place in (*cloudevents.REQUIRED, "time") else "event"
        raise asked.operation.fault(place, fault.message)
    return attributes


def _members(asked: Asked, name: str) -> Mapping[str, str]:
    members = asked.arguments.get(name)
    return {each: codecs.text(value) for each, value in members.items()} if isinstance(members, dict) else {}

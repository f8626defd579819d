"""What is published: the bytes of a message, its key and its headers, from the arguments of a call.

Readers that do not follow CloudEvents can go by the header `idempotency-key`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.codecs import bodies as codecs
from connectors.hub.contract import Asked
from connectors.hub.published import TEXT, attributes_of, check_size, content_of, id_of, scalars, structured
from schemas import cloudevents
from schemas.cloudevents_http import STRUCTURED

ID_HEADER = "idempotency-key"
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_HEADER = re.compile(r"[\x21-\x7e]{1,200}")

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
    id_ = id_of(asked)
    headers = list(_headers(asked))
    if "event" not in given:
        content = content_of(asked, value)
        kind = TEXT if isinstance(value, str) else codecs.JSON
        headers += [(cloudevents.CONTENT_TYPE_HEADER, kind.encode())]
    elif given.get("mode") == "STRUCTURED":
        content = structured(asked, value)
        headers += [(cloudevents.CONTENT_TYPE_HEADER, STRUCTURED.encode())]
    else:
        content = codecs.encode(value, codecs.JSON)
        headers += cloudevents.to_headers(attributes_of(asked), codecs.JSON)
    check_size(asked, content)
    key = str(given["key"]).encode() if "key" in given else None
    return Message(id_, topic, key, content, (*headers, (ID_HEADER, id_.encode())))


def _headers(asked: Asked) -> Iterator[tuple[str, bytes]]:
    for name, value in scalars(asked, "headers").items():
        lower = name.lower()
        if not _HEADER.fullmatch(name):
            raise asked.operation.fault("headers", "has a name that is none")
        if lower in (ID_HEADER, cloudevents.CONTENT_TYPE_HEADER) or lower.startswith(cloudevents.HEADER_PREFIX):
            raise asked.operation.fault("headers", "has one that is written by itself", "leave it out, or write event")
        yield name, value.encode("utf-8", "replace")

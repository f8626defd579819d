"""What is published: the bytes of a message, its key and its headers, from the arguments of a call.

Readers that do not follow CloudEvents can go by the header `idempotency-key`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from connectors.codecs import bodies as codecs
from connectors.hub.connections import folded
from connectors.hub.contract import Asked
from connectors.hub.published import TEXT, attributes_of, check_size, content_of, id_of, scalars, structured
from connectors.kafka.registries import Unframed, access_of
from schemas import cloudevents
from schemas.cloudevents_http import STRUCTURED

ID_HEADER = "idempotency-key"
AVRO = "application/avro"
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
    unframed: Unframed | None = None  # what the bytes are made of, once the schema is known

    def with_value(self, value: bytes) -> Message:
        """With its bytes."""
        return replace(self, value=value, unframed=None)


def written(asked: Asked, url_of: Callable[[str], str]) -> Message:
    """The message of a call. Raises ArgumentError, or Refused for a connection that `url_of` does not know."""
    given = asked.arguments
    topic, value = str(given["topic"]), given["value"]
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise asked.operation.fault("topic", "is no name of a topic")
    if "mode" in given and "event" not in given:
        raise asked.operation.fault("mode", "is of an event, and there is none", "write event, or leave mode out")
    id_ = id_of(asked)
    headers = list(_headers(asked))
    unframed = _unframed(asked, url_of) if "avro" in given else None
    if unframed is not None:
        content = b""
        headers += cloudevents.to_headers(attributes_of(asked), AVRO) if "event" in given else []
    elif "event" not in given:
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
    return Message(id_, topic, _key(asked), content, (*headers, (ID_HEADER, id_.encode())), unframed)


def _key(asked: Asked) -> bytes | None:
    return str(asked.arguments["key"]).encode() if "key" in asked.arguments else None


def _unframed(asked: Asked, url_of: Callable[[str], str]) -> Unframed:
    said = scalars(asked, "avro")
    if said.keys() != {"registry", "subject"}:
        raise asked.operation.fault("avro", "has other members than registry and subject", "write these two")
    if asked.arguments.get("mode") == "STRUCTURED":
        raise asked.operation.fault("mode", "is of JSON, and the value is Avro", "leave mode or avro out")
    name = folded(said["registry"])
    return Unframed(access_of(name, url_of(name)), said["subject"], asked.arguments["value"])


def _headers(asked: Asked) -> Iterator[tuple[str, bytes]]:
    for name, value in scalars(asked, "headers").items():
        lower = name.lower()
        if not _HEADER.fullmatch(name):
            raise asked.operation.fault("headers", "has a name that is none")
        if lower in (ID_HEADER, cloudevents.CONTENT_TYPE_HEADER) or lower.startswith(cloudevents.HEADER_PREFIX):
            raise asked.operation.fault("headers", "has one that is written by itself", "leave it out, or write event")
        yield name, value.encode("utf-8", "replace")

"""From messages to events: a portion is taken, its events go out, and then it is said that it is done with.

An event has its id of the source and of what names the message: its sender's id, its place in the topic, its number in
the folder, or its bytes. Whoever is killed in between takes the same messages again and publishes the same ids: whoever
consumes events drops what it has seen.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from connectors.codecs import bodies
from connectors.hub.inlet import MOST_BYTES, Came, Inlet
from connectors.kafka.framed import Framed
from connectors.mail import reading as mails
from connectors.mail.inlet import MAIL
from connectors.mappings import Mapping as ValueMapping
from connectors.mappings import MappingError
from schemas.business import EventTypes
from schemas.cloudevents import HEADER_PREFIX, SPEC_VERSION, CloudEvent, InvalidEventError, from_headers
from schemas.cloudevents_http import STRUCTURED, parse_request
from schemas.codec import Codec
from schemas.jsontext import text_at
from schemas.payload import Json
from streams.ground.errors import ExlifyError
from streams.ground.publish import Outgoing, Publishing
from streams.ground.topic import MAX_RECORD_BYTES
from streams.messages import metrics
from streams.messages.declared import Source
from streams.processors.intake import business_topic

_LARGE_BYTES = 64 * 1024  # is read beside the event loop


class MessagesError(ExlifyError):
    """Messages that cannot be events as the declaration says; tells why and what to do, and nothing of them."""


class _BrokenError(Exception):
    """A message that cannot be an event; the text says why."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """What one source is read with, from portion to portion."""

    source: Source
    mapping: ValueMapping | None
    inlet: Inlet
    codec: Codec
    types: EventTypes
    publisher: Publishing
    framed: Framed | None = None

    async def look(self) -> int:
        """Publishes the messages that are next, and says how many there were.

        Raises MessagesError, InletError, UnavailableError.
        """
        came = await self.inlet.take(self.source.batch)
        if not came:
            return 0
        if self.framed is not None:
            await self.framed.learn(each.content for each in came)
        large = sum(len(each.content or b"") for each in came) > _LARGE_BYTES
        made = await asyncio.to_thread(self._all, came) if large else self._all(came)
        await self.publisher.publish(outgoing for outgoing, _ in made)
        await self.inlet.settle()
        broken = sum(is_broken for _, is_broken in made)
        metrics.MESSAGES.labels(self.source.name, "published").inc(len(made) - broken)
        metrics.MESSAGES.labels(self.source.name, "broken").inc(broken)
        return len(came)

    def _all(self, came: Sequence[Came]) -> list[tuple[Outgoing, bool]]:
        return [self._made(each) for each in came]

    def _made(self, came: Came) -> tuple[Outgoing, bool]:
        try:
            return self._encoded(self._event(came)), False
        except (_BrokenError, bodies.CodecError, MappingError, InvalidEventError) as error:
            if self.source.broken is None:
                self._fault(f"{came.place} cannot be an event: {error}")
            data = {"place": came.place, "fault": str(error), "text": _text(came)}
            attributes = self._attributes(self.source.broken, f"{self._id(came, None)}-broken", data)
            return self._encoded(CloudEvent(attributes, data)), True

    def _event(self, came: Came) -> CloudEvent:
        if came.fault:
            raise _BrokenError(came.fault)
        if came.content is None:
            raise _BrokenError(f"it is larger than {MOST_BYTES:,} bytes")
        said = self._said(came, came.content)
        if self.source.type is None:
            if said is None:
                raise _BrokenError("it is no CloudEvent, and no `type` says what else it is")
            return said
        data = self._data(came, came.content) if said is None else said.data
        id_ = self._id(came if said is None else _named(came, said), data)
        made = data if self.mapping is None else self.mapping.apply(data)
        return CloudEvent(self._attributes(self.source.type, id_, made), made)

    def _said(self, came: Came, content: bytes) -> CloudEvent | None:
        """The event that a message says it is."""
        if came.content_type.lower().startswith(STRUCTURED):
            (event,) = parse_request([("content-type", came.content_type)], content)
            return event
        if f"{HEADER_PREFIX}specversion" not in came.headers:
            return None
        attributes = from_headers([(name, value.encode("utf-8", "replace")) for name, value in came.headers.items()])
        return CloudEvent(attributes, self._data(came, content))

    def _data(self, came: Came, content: bytes) -> Json:
        if self.framed is not None:
            return self.framed.read(content)
        if came.content_type == MAIL:
            return mails.read(content)
        return bodies.decode(content, came.content_type)

    def _attributes(self, type_: str, id_: str, data: Json) -> Mapping[str, str]:
        attributes = {"specversion": SPEC_VERSION, "id": id_, "source": self.source.source, "type": type_}
        if subject := text_at(data, self.source.subject):
            attributes["subject"] = subject
        return attributes

    def _id(self, came: Came, data: Json) -> str:
        """By what the declaration says, what the sender says, or all of it."""
        named = text_at(data, self.source.id) if self.source.id else came.id
        if self.source.id and not named and data is not None:
            raise _BrokenError(f"it has nothing at {self.source.id}")
        whole = hashlib.sha256(f"{self.source.name}\n{named}\n".encode())
        if not named:
            whole.update(came.content or b"")
        return whole.hexdigest()[:32]

    def _encoded(self, event: CloudEvent) -> Outgoing:
        encoded = self.types.encode_event(self.codec, event)
        if len(encoded.value) > MAX_RECORD_BYTES:
            raise _BrokenError(f"its event would have more than {MAX_RECORD_BYTES:,} bytes")
        return Outgoing(business_topic(encoded.topic), encoded.key, encoded.value, encoded.headers)

    def _fault(self, what: str) -> NoReturn:
        raise MessagesError(f"{what}; have its sender correct it, or name a type under `broken`")


def _named(came: Came, event: CloudEvent) -> Came:
    return Came(id=f"{event.source}\n{event.id}", content=came.content, place=came.place)


def _text(came: Came) -> str | None:
    """What people see of a message that is broken."""
    return None if came.content is None else came.content[:10_000].decode("utf-8", "replace")

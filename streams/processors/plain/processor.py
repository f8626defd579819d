"""JSON in, business events out, on the topic of their type: so intake, and whoever subscribes, sees one kind of event.

It keeps nothing. A record that comes again gives the same event again, with the same id, and only the first counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.business import JSON_TYPE
from schemas.cloudevents import SPEC_VERSION, CloudEvent, DataFault, InvalidEventError, from_headers
from schemas.cloudevents_http import STRUCTURED, is_json, parse_request
from schemas.jsontext import NoJsonError, UnfitDataError, parse, text_at
from schemas.times import rfc3339
from streams.ground.topic import MAX_RECORD_BYTES
from streams.processors import plain
from streams.processors.context import Context
from streams.processors.intake import typed_topics
from streams.processors.plain import Bare, PlainSettings
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Record, StateView
from streams.runtime.replays import first_offset

_STRUCTURED = STRUCTURED.encode()


class Plain(FastProcessor):
    """One event for each record; what is none is parked."""

    declaration = plain.DECLARATION
    framed = False

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._definitions = context.definitions
        self._types = context.definitions.types
        self._topics = {topic.name: topic for topic in typed_topics()}
        self._bare = plain.read(context.settings.of(PlainSettings).topics)

    async def open(self) -> None:
        """Waits until the types of events declared so far are known."""
        await self._definitions.start()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """The events, in their order."""
        return Effects([self._event(message.record) for message in batch], {})

    def _event(self, record: Record) -> Output:
        try:
            event = event_of(record, self._bare.get(record.topic))
            encoded = self._types.encode_event(self._codec, event)
        except InvalidEventError as error:
            return parked(record, self.declaration.name, str(error))
        except (NoJsonError, UnfitDataError) as error:
            return parked(record, self.declaration.name, f"its data cannot be taken: {error}")
        if len(encoded.value) > MAX_RECORD_BYTES:
            return parked(record, self.declaration.name, f"an event has at most {MAX_RECORD_BYTES} bytes")
        return Output(self._topics[encoded.topic], encoded.key, encoded.value, encoded.headers)


def event_of(record: Record, bare: Bare | None) -> CloudEvent:
    """The event that a record is. Raises InvalidEventError, NoJsonError and UnfitDataError, which quote no value."""
    body = record.value or b""
    content_type = dict(record.headers).get("content-type") or b""
    if content_type.partition(b";")[0].strip().lower() == _STRUCTURED:
        return _structured(body)
    attributes = from_headers(record.headers)
    if not is_json(attributes.setdefault("datacontenttype", JSON_TYPE)):
        raise InvalidEventError([DataFault("content-type", "data must be JSON; send it as application/json")])
    data = parse(body)
    if len(attributes) > 1:  # in `ce_` headers
        return CloudEvent({**_place(record), **attributes}, data)
    if isinstance(data, dict) and data.get("specversion") == SPEC_VERSION:
        return _structured(body)
    if bare is None or not bare.type:
        remedy = "write it as CloudEvents does, or say in EXLIFY_JSON_TOPICS where its type is found"
        raise InvalidEventError([DataFault("event", f"says of no type; {remedy}")])
    return CloudEvent({**_place(record), **_found(bare, data)}, data)


def _structured(body: bytes) -> CloudEvent:
    (event,) = parse_request([("content-type", STRUCTURED)], body)
    return event


def _place(record: Record) -> dict[str, str]:
    """What names and dates an event that does not say so itself."""
    return {
        "specversion": SPEC_VERSION,
        "source": f"kafka:{record.topic}/{record.partition}",
        "id": str(first_offset(record)),
        "time": rfc3339(record.timestamp_ms),
        "datacontenttype": JSON_TYPE,
    }


def _found(bare: Bare, data: Any) -> Mapping[str, str]:
    found = {"type": bare.type if not bare.type.startswith("/") else text_at(data, bare.type)}
    for name, pointer in (("id", bare.id), ("subject", bare.subject)):
        if pointer is not None:
            found[name] = text_at(data, pointer)
    if missing := [name for name in ("type", "id") if name in found and found[name] is None]:
        raise InvalidEventError(
            [DataFault(name, "is not where EXLIFY_JSON_TOPICS says that it is") for name in missing]
        )
    return {name: value for name, value in found.items() if value is not None}

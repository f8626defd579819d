"""Business events: which topic and which Avro schema an event type has, and the way of an event to its record and back.

A type with a schema of its own is declared by that schema: the attribute `ce_type` names the type, `topic` its topic.
Every other type travels as JSON inside `GenericEvent`, on the generic topic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

import orjson

from schemas.catalogue import Schema, current
from schemas.cloudevents import CloudEvent, DataFault, Headers, InvalidEventError, from_headers, to_headers
from schemas.codec import Codec, UndecodableRecord
from schemas.jsondata import to_avro, to_json
from schemas.jsontext import UnfitDataError, written
from schemas.messages import GENERIC_EVENT

AVRO_TYPE: Final = "application/avro"
"""Content type of values on business topics: Avro in Confluent framing."""

JSON_TYPE: Final = "application/json"

_KEY_ATTRIBUTES = ("partitionkey", "subject", "id")


class EncodedEvent(NamedTuple):
    """A business event as Kafka takes it."""

    topic: str
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes


@dataclass(frozen=True, slots=True)
class EventType:
    """A declared event type: its CloudEvents type, the full name of its record, and its topic."""

    type: str
    record: str
    topic: str
    schema: Schema | None = None  # of one that a business has declared itself, and the id of that
    schema_id: int = 0


class EventTypes:
    """The declared event types, and the generic one for all others."""

    def __init__(self, declared: Mapping[str, EventType], generic_topic: str) -> None:
        self._declared = dict(declared)
        self.declared = MappingProxyType(self._declared)
        self._type_of_record = {declaration.record: declaration.type for declaration in declared.values()}
        self._generic_topic = generic_topic

    @classmethod
    def load(cls) -> Self:
        """Reads the declarations from the attributes of today's schemas."""
        schemas = {name: schema for name, schema in current().items() if "ce_type" in schema}
        types = (EventType(schema["ce_type"], name, schema["topic"]) for name, schema in schemas.items())
        return cls({declaration.type: declaration for declaration in types}, current()[GENERIC_EVENT]["topic"])

    @property
    def own(self) -> dict[str, EventType]:
        """Those that the business has declared itself, by type."""
        return {name: each for name, each in self._declared.items() if each.schema is not None}

    def add(self, type_: str, schema: Schema, schema_id: int) -> None:
        """A type that the business declares itself, or a new schema of it; its events travel on the generic topic."""
        name = str(schema["name"])
        self._declared[type_] = EventType(type_, name, self._generic_topic, schema, schema_id)
        self._type_of_record[name] = type_

    def of(self, type_: str) -> EventType:
        """Where events of a CloudEvents type go."""
        return self.declared.get(type_) or EventType(type_, GENERIC_EVENT, self._generic_topic)

    def topics(self) -> dict[str, str]:
        """Full record name by topic, the generic topic included."""
        packaged = (item for item in self.declared.values() if item.schema is None)
        return {item.topic: item.record for item in packaged} | {self._generic_topic: GENERIC_EVENT}

    def encode_event(self, codec: Codec, event: CloudEvent) -> EncodedEvent:
        """The record of an event. Raises InvalidEventError where its data does not follow the schema of its type.

        The key is the extension `partitionkey`, else the subject, else the id, so events about one thing stay in order.
        """
        declaration = self.of(event.type)
        record = (
            _generic(event)
            if declaration.record == GENERIC_EVENT
            else to_avro(declaration.schema or current()[declaration.record], event.data)
        )
        key = next(event.attributes[name] for name in _KEY_ATTRIBUTES if name in event.attributes)
        headers = to_headers(event.attributes, AVRO_TYPE)
        return EncodedEvent(declaration.topic, key.encode(), headers, codec.encode(declaration.record, record))

    def decode_event(self, codec: Codec, headers: Headers, value: bytes | None) -> tuple[dict[str, str], Any]:
        """Attributes and JSON-compatible data of a record on a business topic.

        Of the attributes only `type` is sure to be there: a producer that knows nothing of CloudEvents sends none,
        and its type is told by its schema. Raises UnknownSchemaId as `Codec.decode` does, UndecodableRecord where it
        is no event.
        """
        if value is None:
            raise UndecodableRecord("an event without a value")
        return self.event_of(headers, *codec.decode(value))

    def event_of(self, headers: Headers, name: str, record: Mapping[str, Any]) -> tuple[dict[str, str], Any]:
        """As `decode_event`, of a value that is decoded already: the full name of its record, empty where there is no
        value, and its fields."""
        if not name:
            raise UndecodableRecord("an event without a value")
        try:
            attributes = from_headers(headers)
        except InvalidEventError as error:
            raise UndecodableRecord(f"CloudEvents headers: {error}") from None
        type_ = attributes.get("type") or self._type_of_record.get(name)
        if type_ is None:
            raise UndecodableRecord(f"header ce_type is missing, and no event type is declared by {name}")
        data = _parsed(record["data"]) if name == GENERIC_EVENT else to_json(record)
        return attributes | {"type": type_, "datacontenttype": JSON_TYPE}, data


def _generic(event: CloudEvent) -> dict[str, bytes]:
    try:
        return {"data": written(event.data)}
    except UnfitDataError as error:
        raise InvalidEventError([DataFault("data", f"cannot be taken: {error}")]) from None


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UndecodableRecord("data of the generic event is no JSON") from None

"""Business events find their topic and schema, and come back as they were published."""

from typing import Any

import pytest

from schemas.business import AVRO_TYPE, EventTypes
from schemas.catalogue import current
from schemas.cloudevents import CloudEvent, InvalidEventError, to_headers
from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from schemas.leaves import leaf
from schemas.messages import APPLICATION_SUBMITTED, GENERIC_EVENT, TIMER_FIRED
from schemas.samples import sample

CODEC = Codec.offline()
TYPES = EventTypes.load()
APPLICATION_TYPE = "exlify.onboarding.application-submitted.v1"
ATTRIBUTES = {"specversion": "1.0", "id": "7", "source": "/web", "type": "shop.order.v1"}
APPLICATION = sample(current()[APPLICATION_SUBMITTED])
APPLICATION["applicant"]["date_of_birth"] = "1990-01-31"


def event(data: Any, **attributes: str) -> CloudEvent:
    return CloudEvent(ATTRIBUTES | attributes, data)


def test_declared_type_travels_typed_on_its_topic() -> None:
    encoded = TYPES.encode_event(CODEC, event(APPLICATION, type=APPLICATION_TYPE))
    assert encoded.topic == "onboarding.event.application.v1"
    assert CODEC.decode(encoded.value)[0] == APPLICATION_SUBMITTED


def test_other_type_travels_as_generic_json() -> None:
    encoded = TYPES.encode_event(CODEC, event({"sum": 1}))
    assert encoded.topic == "business.event.generic.v1"
    assert CODEC.decode(encoded.value) == (GENERIC_EVENT, {"data": b'{"sum":1}'})


@pytest.mark.parametrize(
    ("type_", "data"),
    [(APPLICATION_TYPE, APPLICATION), ("shop.order.v1", {"a": [1, None, "é"]}), ("shop.ping.v1", None)],
)
def test_event_comes_back_as_published(type_: str, data: Any) -> None:
    published = event(data, type=type_, subject="APP-1", traceparent="00-1")
    encoded = TYPES.encode_event(CODEC, published)
    attributes, decoded = TYPES.decode_event(CODEC, encoded.headers, encoded.value)
    assert attributes == dict(published.attributes) | {"datacontenttype": "application/json"}
    assert decoded == data


def test_headers_say_that_the_value_is_avro() -> None:
    encoded = TYPES.encode_event(CODEC, event(1, datacontenttype="application/json"))
    assert dict(encoded.headers)["content-type"] == AVRO_TYPE.encode()


@pytest.mark.parametrize(
    ("attributes", "key"), [({}, b"7"), ({"subject": "S"}, b"S"), ({"subject": "S", "partitionkey": "P"}, b"P")]
)
def test_key_keeps_events_of_one_thing_together(attributes: dict[str, str], key: bytes) -> None:
    assert TYPES.encode_event(CODEC, event(None, **attributes)).key == key


def test_declared_type_is_held_to_its_schema() -> None:
    wrong = APPLICATION | {"amount_dm": "1000"}
    with pytest.raises(InvalidEventError, match=r"^data\.amount_dm: must be a whole number of 32 bits, is a string$"):
        TYPES.encode_event(CODEC, event(wrong, type=APPLICATION_TYPE))


def test_declared_type_without_data_is_refused() -> None:
    with pytest.raises(InvalidEventError, match="data: must be an object"):
        TYPES.encode_event(CODEC, event(None, type=APPLICATION_TYPE))


def test_typed_record_of_plain_producer_has_its_type() -> None:
    value = CODEC.encode(APPLICATION_SUBMITTED, sample(current()[APPLICATION_SUBMITTED]))
    attributes, data = TYPES.decode_event(CODEC, [], value)
    assert attributes["type"] == APPLICATION_TYPE
    assert "id" not in attributes
    assert data["amount_dm"] == 7


def test_generic_record_without_type_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="ce_type is missing"):
        TYPES.decode_event(CODEC, [], CODEC.encode(GENERIC_EVENT, {"data": b"1"}))


def test_record_without_value_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="without a value"):
        TYPES.decode_event(CODEC, to_headers(ATTRIBUTES, AVRO_TYPE), None)


def test_wrong_headers_are_undecodable_by_attribute() -> None:
    with pytest.raises(UndecodableRecord, match="time"):
        TYPES.decode_event(CODEC, [("ce_time", b"now")], CODEC.encode(GENERIC_EVENT, {"data": b"1"}))


def test_generic_data_that_is_no_json_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="no JSON"):
        TYPES.decode_event(CODEC, to_headers(ATTRIBUTES, AVRO_TYPE), CODEC.encode(GENERIC_EVENT, {"data": b"{"}))


def test_unknown_schema_is_left_to_the_caller() -> None:
    with pytest.raises(UnknownSchemaId):
        TYPES.decode_event(CODEC, to_headers(ATTRIBUTES, AVRO_TYPE), b"\x00\x00\x00\x00\x07\x02")


def test_every_topic_is_listed_with_its_record() -> None:
    assert TYPES.topics() == {
        "onboarding.event.application.v1": APPLICATION_SUBMITTED,
        "business.event.generic.v1": GENERIC_EVENT,
    }


def test_internal_messages_are_no_event_types() -> None:
    assert TYPES.of(TIMER_FIRED).record == GENERIC_EVENT


def test_every_declared_type_has_a_json_form() -> None:
    """Else the type could be declared, and no event of it ever published."""
    for declaration in TYPES.declared.values():
        assert all(_has_json_form(field["type"]) for field in current()[declaration.record]["fields"])


def _has_json_form(schema: Any) -> bool:
    match schema:
        case list():
            return all(map(_has_json_form, schema))
        case {"type": "record", "fields": fields}:
            return all(_has_json_form(field["type"]) for field in fields)
        case {"type": "array", "items": part} | {"type": "map", "values": part}:
            return _has_json_form(part)
        case _:
            return leaf(schema) is not None

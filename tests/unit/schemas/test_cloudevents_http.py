"""Events over HTTP: three modes, one meaning, and refusals that say what to do."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import InvalidEventError
from schemas.cloudevents_http import BATCH, STRUCTURED, UnsupportedEventFormatError, parse_request

EVENT = {"specversion": "1.0", "id": "7", "source": "/web", "type": "shop.order.v1"}
BINARY = [(f"CE-{name.title()}", value) for name, value in EVENT.items()]
DATA = {"sum": 12.5, "items": ["é", None]}
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=8,
)


def structured(document: Any, content_type: str = STRUCTURED) -> Any:
    (event,) = parse_request([("Content-Type", content_type)], orjson.dumps(document))
    return event


def test_structured_and_binary_mode_mean_the_same() -> None:
    (binary,) = parse_request([*BINARY, ("content-type", "application/json")], orjson.dumps(DATA))
    assert structured(EVENT | {"data": DATA, "datacontenttype": "application/json"}) == binary


@given(data=JSON_VALUES)
def test_data_arrives_as_it_was_sent(data: Any) -> None:
    assert structured(EVENT | {"data": data}).data == data


def test_batch_gives_every_event_in_order() -> None:
    documents = [EVENT | {"id": str(number), "data": number} for number in range(3)]
    events = parse_request([("content-type", BATCH + "; charset=utf-8")], orjson.dumps(documents))
    assert [(event.id, event.data) for event in events] == [("0", 0), ("1", 1), ("2", 2)]


def test_empty_batch_is_no_event() -> None:
    assert parse_request([("content-type", BATCH)], b"[]") == []


def test_batch_names_the_events_that_are_wrong() -> None:
    documents = [EVENT, EVENT | {"id": ""}, 5, {**EVENT, "time": "now"}]
    with pytest.raises(InvalidEventError) as caught:
        parse_request([("content-type", BATCH)], orjson.dumps(documents))
    assert [fault.place for fault in caught.value.faults] == ["[1].id", "[2].event", "[3].time"]


def test_extensions_become_text_attributes() -> None:
    event = structured(EVENT | {"traceparent": "00-1", "attempt": 3, "urgent": True, "note": None})
    assert {name: event.attributes[name] for name in ("traceparent", "attempt", "urgent")} == {
        "traceparent": "00-1",
        "attempt": "3",
        "urgent": "true",
    }
    assert "note" not in event.attributes


@pytest.mark.parametrize("value", [1.5, 2**31, [1], {"a": 1}])
def test_attribute_of_wrong_type_is_named(value: Any) -> None:
    with pytest.raises(InvalidEventError, match=r"^attempt: must be a string"):
        structured(EVENT | {"attempt": value})


def test_wrongly_typed_required_attribute_is_named_once() -> None:
    with pytest.raises(InvalidEventError) as caught:
        structured(EVENT | {"id": [7]})
    assert [fault.place for fault in caught.value.faults] == ["id"]


def test_binary_data_is_refused_with_remedy() -> None:
    with pytest.raises(InvalidEventError, match=r"data_base64: .*send JSON"):
        structured(EVENT | {"data_base64": "AAAA"})


def test_structured_data_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidEventError, match="datacontenttype"):
        structured(EVENT | {"datacontenttype": "text/xml", "data": "<a/>"})


def test_vendor_json_types_are_json() -> None:
    assert structured(EVENT | {"datacontenttype": "application/vnd.shop+json; v=1", "data": 1}).data == 1


def test_binary_headers_are_percent_decoded() -> None:
    (event,) = parse_request([*BINARY, ("ce-subject", "Gr%C3%B6%C3%9Fe%207"), ("ce-note", '"a \\"b\\""')], b"")
    assert event.attributes["subject"] == "Größe 7"
    assert event.attributes["note"] == 'a "b"'


def test_broken_percent_encoding_is_named() -> None:
    with pytest.raises(InvalidEventError, match="subject: must be percent-encoded UTF-8"):
        parse_request([*BINARY, ("ce-subject", "%FF")], b"")


def test_binary_header_given_twice_is_refused() -> None:
    with pytest.raises(InvalidEventError, match="id: is given twice"):
        parse_request([*BINARY, ("ce-id", "8")], b"")


def test_binary_mode_without_body_has_no_data() -> None:
    (event,) = parse_request([*BINARY, ("content-type", "application/json")], b"")
    assert event.data is None


def test_binary_body_that_is_no_json_type_is_unsupported() -> None:
    with pytest.raises(UnsupportedEventFormatError, match="application/json"):
        parse_request([*BINARY, ("content-type", "text/xml")], b"<a/>")


def test_unknown_event_format_is_unsupported() -> None:
    with pytest.raises(UnsupportedEventFormatError, match=STRUCTURED.replace("+", r"\+")):
        parse_request([("content-type", "application/cloudevents+avro")], b"")


def test_request_that_is_no_event_is_told_how() -> None:
    with pytest.raises(InvalidEventError, match="ce-specversion"):
        parse_request([("content-type", "application/json")], b"{}")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"id": NaN}'])
def test_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEventError, match="body: is no JSON"):
        parse_request([("content-type", STRUCTURED)], body)


@given(body=st.binary(max_size=80), mode=st.sampled_from([STRUCTURED, BATCH, "application/json"]))
def test_noise_is_refused_never_crashes(body: bytes, mode: str) -> None:
    try:
        parse_request([*BINARY, ("content-type", mode)], body)
    except InvalidEventError as error:
        assert error.faults

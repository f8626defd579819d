"""Attributes of business events: what is accepted, what is said about the rest, and how they travel as headers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import CloudEvent, InvalidEventError, check_attributes, from_headers, parse_time_ms, to_headers

ATTRIBUTES = {"specversion": "1.0", "id": "7", "source": "/web", "type": "shop.order.v1"}
SECRET = "Mustermann"


def test_attributes_survive_as_record_headers() -> None:
    attributes = ATTRIBUTES | {"subject": "Größe 7", "time": "2026-01-31T08:30:00Z", "traceparent": "00-0af7-b7ad-01"}
    headers = to_headers(attributes, "application/avro")
    assert from_headers(headers) == attributes | {"datacontenttype": "application/avro"}


def test_headers_follow_the_kafka_binding() -> None:
    assert to_headers(ATTRIBUTES, "application/avro") == [
        ("ce_id", b"7"),
        ("ce_source", b"/web"),
        ("ce_specversion", b"1.0"),
        ("ce_type", b"shop.order.v1"),
        ("content-type", b"application/avro"),
    ]


def test_content_type_of_the_value_wins() -> None:
    headers = dict(to_headers(ATTRIBUTES | {"datacontenttype": "application/json"}, "application/avro"))
    assert headers["content-type"] == b"application/avro"
    assert "ce_datacontenttype" not in headers


def test_headers_of_others_are_passed_over() -> None:
    assert from_headers([("traceparent", b"x"), ("ce_id", b"7"), ("ce_time", None)]) == {"id": "7"}


def test_record_without_headers_has_no_attributes() -> None:
    assert from_headers([]) == {}


def test_header_that_is_not_text_is_named() -> None:
    with pytest.raises(InvalidEventError, match=r"subject: must be UTF-8"):
        from_headers([("ce_subject", b"\xff")])


def test_wrong_header_is_named_with_remedy() -> None:
    with pytest.raises(InvalidEventError, match=r"^time: .*2026-01-31T08:30:00Z$"):
        from_headers([("ce_time", b"yesterday")])


def test_every_missing_attribute_is_named_at_once() -> None:
    with pytest.raises(InvalidEventError) as caught:
        CloudEvent({})
    assert [fault.place for fault in caught.value.faults] == ["specversion", "id", "source", "type"]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("specversion", "0.3", '"1.0"'),
        ("id", "", "must not be empty"),
        ("source", f"the web of {SECRET}", "URI reference"),
        ("source", "/straße", "percent-encode"),
        ("source", "/100%", "percent-encode"),
        ("type", "a\nb", "control character"),
        ("type", "\ufffe", "control character"),
        ("subject", SECRET * 200, "shorten"),
        ("dataschema", "/relative", "absolute URI"),
        ("datacontenttype", "json", "media type"),
        ("time", SECRET, "RFC 3339"),
        ("time", "2026-02-30T00:00:00Z", "RFC 3339"),
        ("time", "2026-01-31 08:30:00", "RFC 3339"),
        ("time", "2026-01-31T08:30:00+99:00", "RFC 3339"),
        ("time", "0001-01-01T00:00:00", "RFC 3339"),
        ("Traceparent", "x", "lower-case"),
        ("trace_parent", "x", "lower-case"),
        ("data", "x", "no attribute"),
        ("x" * 65, "x", "shorten"),
    ],
)
def test_wrong_attribute_is_named_with_remedy(name: str, value: str, remedy: str) -> None:
    (fault,) = check_attributes(ATTRIBUTES | {name: value})
    assert name[:20] in fault.place
    assert remedy in fault.message
    assert SECRET not in str(fault)


def test_too_many_attributes_are_refused() -> None:
    (fault,) = check_attributes(ATTRIBUTES | {f"x{number}": "1" for number in range(61)})
    assert "at most 64" in fault.message


def test_attributes_of_an_event_never_change() -> None:
    given_attributes = dict(ATTRIBUTES)
    event = CloudEvent(given_attributes)
    given_attributes["id"] = "8"
    assert event.id == "7"


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-1439, 1439),
    st.sampled_from(["T", "t"]),
    st.integers(0, 9),
)
def test_every_rfc3339_time_becomes_its_instant(moment: datetime, zone_min: int, letter: str, digits: int) -> None:
    fraction = f".{moment.microsecond:06d}000"[: digits + 1] if digits else ""
    sign, (hours, minutes) = "-" if zone_min < 0 else "+", divmod(abs(zone_min), 60)
    text = f"{moment:%Y-%m-%d}".zfill(10) + letter + f"{moment:%H:%M:%S}{fraction}{sign}{hours:02d}:{minutes:02d}"
    seconds = moment.replace(microsecond=0, tzinfo=UTC) - timedelta(minutes=zone_min) - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_time_ms(text) == seconds // timedelta(milliseconds=1) + int((fraction or ".0")[1:4].ljust(3, "0"))


def test_leap_second_is_the_second_after() -> None:
    assert parse_time_ms("2016-12-31T23:59:60.5Z") == parse_time_ms("2017-01-01T00:00:00.500z")


def test_event_without_time_says_so() -> None:
    assert CloudEvent(ATTRIBUTES).time_ms is None
    assert CloudEvent(ATTRIBUTES | {"time": "1970-01-01T00:00:01Z"}).time_ms == 1_000

"""Plain: what becomes an event of a record in JSON, and what is parked with the reason."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.business import EventTypes
from schemas.codec import Codec
from streams.catalogue import load_settings
from streams.ground.errors import ConfigurationError
from streams.processors.plain import JSON_EVENTS, topics_of_settings
from streams.processors.plain.processor import Plain
from streams.runtime.parking import PARKING
from streams.runtime.processor import Message, Output, Record
from tests.support.contexts import context
from tests.support.tables import Table

CODEC = Codec.offline()
AT_MS = 1_700_000_000_000
ORDER = {"orderId": 7, "customer": {"id": "C-1"}}
SETTINGS = load_settings(
    {"EXLIFY_JSON_TOPICS": "shop.orders type=shop.order.v1 id=/orderId subject=/customer/id; erp type=/kind;legacy"}
)


def made(value: Any, topic: str = JSON_EVENTS.name, **headers: str) -> Output:
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    listed = [(name.replace("content_", "content-"), text.encode()) for name, text in headers.items()]
    message = Message(Record(topic, 3, 17, AT_MS, b"k", body, listed), "", {})
    (output,) = Plain(context(CODEC, SETTINGS)).handle([message], Table()).outputs
    return output


def event_of(output: Output) -> tuple[dict[str, str], Any]:
    assert output.topic.name == "business.event.generic.v1"
    return EventTypes.load().decode_event(CODEC, output.headers, output.value)


STRUCTURED = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "paid.v1", "subject": "C-1", "data": ORDER}


@pytest.mark.parametrize("headers", [{"content_type": "application/cloudevents+json; charset=utf-8"}, {}])
def test_event_that_is_written_as_cloudevents_does_is_itself(headers: dict[str, str]) -> None:
    output = made(STRUCTURED, **headers)
    attributes, data = event_of(output)
    assert data == ORDER
    assert attributes == {
        **{name: value for name, value in STRUCTURED.items() if name != "data"},
        "datacontenttype": "application/json",
    }
    assert output.key == b"C-1"


def test_attributes_may_stand_in_headers() -> None:
    attributes, data = event_of(made(ORDER, ce_specversion="1.0", ce_id="9", ce_source="/erp", ce_type="sent.v1"))
    assert (attributes["id"], attributes["source"], attributes["type"], data) == ("9", "/erp", "sent.v1", ORDER)


def test_data_alone_is_an_event_where_the_setting_says_of_which_type() -> None:
    attributes, data = event_of(made(ORDER, "shop.orders"))
    assert data == ORDER
    assert attributes["type"] == "shop.order.v1"
    assert (attributes["id"], attributes["subject"]) == ("7", "C-1")
    assert attributes["source"] == "kafka:shop.orders/3"


def test_event_without_an_id_is_named_by_its_place() -> None:
    attributes, _ = event_of(made({"kind": "erp.changed.v1"}, "erp"))
    assert (attributes["type"], attributes["source"], attributes["id"]) == ("erp.changed.v1", "kafka:erp/3", "17")


def test_record_that_comes_again_gives_the_same_bytes() -> None:
    assert made(ORDER, "shop.orders") == made(ORDER, "shop.orders")


@pytest.mark.parametrize(
    ("value", "topic", "headers"),
    [
        (b"{", JSON_EVENTS.name, {}),
        (b"", JSON_EVENTS.name, {}),
        (ORDER, JSON_EVENTS.name, {}),
        (ORDER, "legacy", {}),
        ({}, "shop.orders", {}),
        ({"kind": ""}, "erp", {}),
        ({**STRUCTURED, "id": ""}, "shop.orders", {}),
        (ORDER, "shop.orders", {"content_type": "text/xml"}),
        (b'{"orderId": 1e400}', "shop.orders", {}),
        (b"[" * 300 + b"]" * 300, "shop.orders", {}),
    ],
)
def test_what_is_no_event_is_parked(value: Any, topic: str, headers: dict[str, str]) -> None:
    assert made(value, topic, **headers).topic == PARKING


def test_topics_come_from_the_setting() -> None:
    assert [topic.name for topic in topics_of_settings(SETTINGS)] == ["shop.orders", "erp", "legacy"]


@pytest.mark.parametrize("text", ["a b", "a id=/x", "a type=", "a type=t; a", "a type=t subject=x", "a/b"])
def test_setting_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        load_settings({"EXLIFY_JSON_TOPICS": text})

"""`call: kafka.publish`: what is written, what its errors say of the effect, and whom a password is told.

What only a broker does is in tests/integration/test_call_kafka.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.hub.contract import Asked, HubCall, Refused
from connectors.hub.identity import Tls
from connectors.hub.published import MOST_BYTES
from connectors.kafka import PUBLISH
from connectors.kafka.address import cluster_of
from connectors.kafka.message import Message, written
from connectors.kafka.registries import Registries, Unframed, access_of
from schemas.arguments import ArgumentError
from schemas.reasons import Reason
from tests.support.registries import registry

EVENT = {"source": "/exlify/orders", "type": "com.example.order.placed"}
URL = "kafka://127.0.0.1:9092"


URLS = {"registry": "https://me:s3cret@registry.example.com/api", "partner": "kafka://127.0.0.1"}


def message(**arguments: Any) -> Message:
    given = {"connection": "partner", "topic": "orders", "value": {"n": 1}, **arguments}
    call = HubCall(function=PUBLISH.name, arguments=given, key="step-1")
    return written(Asked(PUBLISH, call, PUBLISH.read(given)), URLS.__getitem__)


def test_a_value_is_written_as_json_and_a_text_as_it_is() -> None:
    plain = message(key="A-17", headers={"tenant": "north", "tries": 3})
    assert (plain.topic, plain.key, json.loads(plain.value)) == ("orders", b"A-17", {"n": 1})
    headers = dict(plain.headers)
    assert (headers["tenant"], headers["tries"], headers["content-type"]) == (b"north", b"3", b"application/json")
    assert headers["idempotency-key"] == plain.id.encode()
    text = message(value="Grüße")
    assert (text.value, text.key) == ("Grüße".encode(), None)
    assert dict(text.headers)["content-type"].startswith(b"text/plain")


def test_an_event_has_the_id_of_its_step_in_either_mode() -> None:
    binary, structured = message(event=EVENT), message(event=EVENT, mode="structured")
    headers = dict(binary.headers)
    assert json.loads(binary.value) == {"n": 1}
    assert {name: headers[name].decode() for name in ("ce_source", "ce_type", "ce_id", "ce_specversion")} == {
        "ce_source": EVENT["source"],
        "ce_type": EVENT["type"],
        "ce_id": binary.id,
        "ce_specversion": "1.0",
    }
    assert json.loads(structured.value) == {
        **EVENT,
        "id": binary.id,
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }
    assert dict(structured.headers)["content-type"] == b"application/cloudevents+json"
    assert json.loads(message(value="a text", event=EVENT).value) == "a text"


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("topic", {"topic": "Jane Doe"}),
        ("topic", {"topic": ".."}),
        ("mode", {"mode": "structured"}),
        ("value", {"value": "Jane" * MOST_BYTES}),
        ("value", {"value": "Jane \ud800"}),
        ("headers", {"headers": {"Jane Doe": "x"}}),
        ("headers", {"headers": {"ce_id": "Jane"}}),
        ("headers", {"headers": {"Idempotency-Key": "Jane"}}),
        ("event.id", {"event": {**EVENT, "id": "Jane"}}),
        ("event.source", {"event": {"type": "Jane"}}),
        ("event.source", {"event": {**EVENT, "source": "Jane Doe"}}),
        ("event", {"event": {**EVENT, "Jane": "x"}}),
    ],
)
def test_what_is_no_message_is_refused_by_name_and_not_quoted(place: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError) as refused:
        message(**arguments)
    assert str(refused.value).startswith(f"kafka.publish: {place} ")
    assert "Jane" not in str(refused.value)


def test_a_cluster_is_told_who_we_are_and_whom_we_trust() -> None:
    url = "kafkas://ada:p%40ss@a.example.com:9094?mechanism=SCRAM-SHA-512&servers=b.example.com:9094"
    cluster = cluster_of("partner", url, Tls(authority="CA", certificate="C", key="K"))
    assert cluster.settings() == {
        "bootstrap.servers": "a.example.com:9094,b.example.com:9094",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "ada",
        "sasl.password": "p@ss",
        "ssl.ca.pem": "CA",
        "ssl.certificate.pem": "C",
        "ssl.key.pem": "K",
    }
    assert "p@ss" not in repr(cluster) and "ada" not in repr(cluster)
    assert cluster_of("partner", "kafka://[::1]", None).settings()["bootstrap.servers"] == "[::1]:9092"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://cluster.example.com", "is no Kafka cluster"),
        ("kafka://", "is no Kafka cluster"),
        ("kafka://a:9092/topic", "is no Kafka cluster"),
        ("kafka://a:9092?servers=b", "is no Kafka cluster"),
        ("kafka://a:secret", "is no Kafka cluster"),
        ("kafka://a:9092?acks=0", "says more"),
        ("kafkas://ada:secret@a:9092?mechanism=GSSAPI", "says more"),
        ("kafka://ada:secret@a.example.com:9092", "would send a password in clear"),
        ("kafka://ada:secret@127.0.0.1:9092?servers=a.example.com:9092", "would send a password in clear"),
    ],
)
def test_a_connection_that_is_no_cluster_says_so(url: str, says: str) -> None:
    with pytest.raises(Refused) as refused:
        cluster_of("partner", url, None)
    assert says in refused.value.outcome.detail
    assert "secret" not in refused.value.outcome.detail


ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "number", "type": "string"}, {"name": "pieces", "type": "int", "default": 1}],
}
BY = {"registry": "registry", "subject": "orders"}


def test_avro_is_written_once_its_schema_is_known() -> None:
    it = message(value={"number": "A-1"}, avro=BY, event=EVENT)
    assert it.unframed is not None and it.value == b""
    assert (it.unframed.registry.url, it.unframed.registry.user) == ("https://registry.example.com/api", "me")
    assert ("content-type", b"application/avro") in it.headers
    assert "s3cret" not in repr(it) and "A-1" not in repr(it)
    ready = it.with_value(b"x")
    assert (ready.value, ready.unframed, ready.id) == (b"x", None, it.id)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"avro": {"registry": "registry"}}, "avro has other members"),
        ({"avro": {**BY, "id": 1}}, "avro has other members"),
        ({"avro": BY, "event": EVENT, "mode": "structured"}, "mode is of JSON"),
    ],
)
def test_avro_is_described_by_two_members(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        message(value={}, **more)
    with pytest.raises(Refused, match="partner is no registry"):
        message(value={}, avro={**BY, "registry": "partner"})


async def test_a_value_is_framed_by_the_newest_schema_or_refused() -> None:
    async with registry({7: ORDER}) as url:
        it = Registries()
        access = access_of("registry", url)
        framed = await it.framed(Unframed(access, "orders", {"number": "A-1"}))
        assert framed == b"\0\0\0\0\x07\x06A-1\x02"
        unfit: tuple[Any, ...] = (
            {},
            {"number": 5},
            {"number": "A", "more": 1},
            {"number": "A", "pieces": 10**12},
            [],
            None,
        )
        for value in unfit:
            with pytest.raises(Refused, match="not of its schema") as refused:
                await it.framed(Unframed(access, "orders", value))
            assert refused.value.outcome.reason is Reason.INPUT_INVALID
        with pytest.raises(Refused) as missing:
            await it.framed(Unframed(access, "others", {}))
        assert missing.value.outcome.reason is Reason.NOT_FOUND
        await it.close()


@pytest.mark.parametrize(
    ("schemas", "status", "reason"),
    [
        ({1: {"type": "object"}}, 200, Reason.MISCONFIGURED),
        ({1: "string"}, 200, Reason.MISCONFIGURED),
        ({1: ORDER}, 403, Reason.FORBIDDEN),
    ],
)
async def test_a_registry_that_gives_no_schema_has_its_reason(schemas: Any, status: int, reason: Reason) -> None:
    async with registry(schemas, status) as url:
        it = Registries()
        with pytest.raises(Refused) as refused:
            await it.framed(Unframed(access_of("registry", url), "orders", {}))
        assert refused.value.outcome.reason is reason
        await it.close()

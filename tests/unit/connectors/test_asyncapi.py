"""Operations of AsyncAPI documents: read as the system that receives has them, published by the protocol it speaks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from connectors.assembly import standard_hub
from connectors.asyncapi.document import MOST_OPERATIONS, read
from connectors.hub.contract import HubCall
from connectors.hub.documents import DocumentError
from connectors.hub.outcome import CallOutcome
from schemas.reasons import Effect, Reason
from streams.processors.call.documents import Payloads
from tests.support import peers, queues
from tests.support.hubs import CALM
from tests.support.waiting import PATIENCE_S

ORDER = {"order": "A-17", "to": "Grüße"}
WAREHOUSE: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Warehouse", "version": "1"},
    "defaultContentType": "application/json",
    "servers": {"bus": {"host": "bus.example.com", "protocol": "kafka-secure"}, "mq": {"protocol": "amqps"}},
    "channels": {
        "orders": {
            "address": "orders",
            "messages": {"order": {"$ref": "#/components/messages/order"}},
            "bindings": {"kafka": {"topic": "warehouse.orders"}, "amqp": {"is": "queue", "queue": {"name": "orders"}}},
        },
        "bus-only": {"address": "a.b", "servers": [{"$ref": "#/servers/bus"}]},
        "routed": {
            "address": "order.placed",
            "bindings": {"amqp": {"exchange": {"name": "sales"}}},
        },
        "one": {"address": "orders/{id}"},
        "unknown": {"address": None},
        "avro": {"address": "a", "messages": {"m": {"payload": {"schemaFormat": "application/vnd.apache.avro+json"}}}},
        "mixed": {"address": "m", "messages": {"a": {}, "b": {"contentType": "text/plain"}}},
        "notes": {"address": "notes", "messages": {"a": {"contentType": "text/plain; charset=utf-8"}}},
    },
    "operations": {
        "receiveOrder": {"action": "receive", "channel": {"$ref": "#/channels/orders"}},
        "shipped": {"action": "send", "channel": {"$ref": "#/channels/orders"}},
        **{
            name: {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}}
            for name in ("bus-only", "routed", "one", "unknown", "avro", "mixed", "notes")
        },
    },
    "components": {"messages": {"order": {"contentType": "application/json"}}},
}
SHOP: dict[str, Any] = {
    "asyncapi": "2.6.0",
    "servers": {"web": {"url": "https://shop.example.com", "protocol": "https"}, "bus": {"protocol": "kafka"}},
    "channels": {
        "/orders": {
            "servers": ["web"],
            "publish": {
                "message": {"oneOf": [{"contentType": "application/vnd.shop+json"}]},
                "bindings": {"http": {"type": "request", "method": "PUT"}},
            },
        },
        "/shipped": {"subscribe": {"message": {}}},
    },
}


async def publish(
    url: str, named: dict[str, Any], payload: Any = ORDER, document: Any = WAREHOUSE, **more: Any
) -> CallOutcome:
    message = {"payload": payload, **more}
    arguments = {"document": {"endpoint": "connection://it"}, "message": message, **named}
    async with standard_hub({"it": url}, limits=CALM, api_of=lambda _: read(document, Payloads)) as hub:
        return await hub.carry_out(HubCall(function="asyncapi", arguments=arguments, key="i/1/do/0/order"))


async def test_message_goes_to_the_queue_that_the_document_names() -> None:
    async with queues.queues() as peer:
        outcome = await publish(peer.url, {"operation": "receiveOrder"}, headers={"tenant": "north"})
    ((properties, content),) = peer.came["orders"]
    assert (outcome.reason, outcome.effect, outcome.output) == (Reason.OK, Effect.DONE, {"id": properties.message_id})
    assert content == '{"order":"A-17","to":"Grüße"}'.encode()
    assert properties.headers == {"tenant": "north"}


async def test_message_goes_to_the_exchange_that_the_document_names() -> None:
    async with queues.queues() as peer:
        outcome = await publish(peer.url, {"operation": "routed"})  # the peer has no exchange but the usual one
    assert (outcome.reason, outcome.effect) == (Reason.NOT_FOUND, Effect.NONE)


async def test_message_goes_to_the_topic_that_the_document_names() -> None:
    cluster = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = cluster.list_topics("warehouse.orders", timeout=PATIENCE_S).brokers.values()
    outcome = await publish(f"kafka://{broker.host}:{broker.port}", {"operation": "receiveOrder"}, headers={"a": "b"})
    assert (outcome.reason, outcome.effect, outcome.output["topic"]) == (Reason.OK, Effect.DONE, "warehouse.orders")
    place = TopicPartition("warehouse.orders", outcome.output["partition"], outcome.output["offset"])
    reader = Consumer({"bootstrap.servers": f"{broker.host}:{broker.port}", "group.id": "test"})
    reader.assign([place])
    (found,) = await asyncio.to_thread(reader.consume, 1, 20.0)
    await asyncio.to_thread(reader.close)
    assert found.value() == '{"order":"A-17","to":"Grüße"}'.encode() and dict(found.headers() or ())["a"] == b"b"
    await asyncio.to_thread(cluster.close)


async def test_channel_of_http_is_a_request_with_the_method_and_kind_that_the_document_names() -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await publish(f"{peer.url}/v1", {"channel": "/orders"}, document=SHOP, headers={"X-Tenant": "north"})
    assert (outcome.output, outcome.effect) == ({"ok": True}, Effect.DONE)
    assert peer.requests[0].startswith(b"PUT /v1/orders HTTP/1.1\r\n")
    assert (peer.header("Content-Type"), peer.header("X-Tenant")) == ("application/vnd.shop+json", "north")


SCHEMA = {"type": "object", "required": ["order"], "properties": {"order": {"$ref": "#/components/schemas/number"}}}
NUMBERS = {"number": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"}, "order": SCHEMA}
AS_IN_3 = {"schemaFormat": "application/vnd.aai.asyncapi+json;version=3.0.0", "schema": SCHEMA}
IN_XSD = {"schemaFormat": "application/xsd", "schema": {"type": "string"}}


def with_payloads(*payloads: Any) -> dict[str, Any]:
    channels = {"orders": {"address": "orders", "messages": {str(at): each for at, each in enumerate(payloads)}}}
    operations = {"receiveOrder": {"action": "receive", "channel": {"$ref": "#/channels/orders"}}}
    return {"asyncapi": "3.0.0", "channels": channels, "operations": operations, "components": {"schemas": NUMBERS}}


@pytest.mark.parametrize(
    ("messages", "payload", "says"),
    [
        ([{"payload": SCHEMA}], ORDER, None),
        ([{"payload": SCHEMA}], {"to": "Ada"}, "the value lacks order"),
        ([{"payload": SCHEMA}], {"order": "secret"}, "/order breaks the rule pattern"),
        ([{"payload": {"$ref": "#/components/schemas/order"}}], {"order": 7}, "/order is not of type string"),
        ([{"payload": AS_IN_3}], {"order": 7}, "/order is not of type string"),
        ([{"payload": IN_XSD}], {"order": 7}, None),
        ([{"payload": SCHEMA}, {}], {"order": 7}, None),
        ([{"payload": SCHEMA}, {"payload": {"type": "array"}}], [7], None),
        ([{"payload": SCHEMA}, {"payload": {"type": "array"}}], {"order": 7}, "the value breaks the rule anyOf"),
        ([{"payload": {"patternProperties": {"^x": False}}}], {"x": 7}, None),
        ([{"payload": {"$ref": "https://example.com/order.json"}}], {"order": 7}, None),
    ],
)
async def test_payload_is_held_against_the_schema_of_its_message(
    messages: list[Any], payload: Any, says: str | None
) -> None:
    async with queues.queues() as peer:
        peer.came["orders"] = []
        outcome = await publish(peer.url, {"operation": "receiveOrder"}, payload, with_payloads(*messages))
    if says is None:
        assert (outcome.ok, len(peer.came["orders"])) == (True, 1), outcome
    else:
        assert (outcome.reason, outcome.effect, peer.came["orders"]) == (Reason.INPUT_INVALID, Effect.NONE, [])
        assert says in outcome.detail and "secret" not in outcome.detail


async def test_text_is_published_where_the_document_says_so() -> None:
    async with queues.queues() as peer:
        peer.came["notes"] = []
        assert (await publish(peer.url, {"operation": "notes"}, payload="Grüße")).ok
        refused = await publish(peer.url, {"operation": "notes"})
    assert [content for _, content in peer.came["notes"]] == ["Grüße".encode()]
    assert (refused.reason, "a text as the document has it" in refused.detail) == (Reason.INPUT_INVALID, True)


@pytest.mark.parametrize(
    ("named", "reason", "says"),
    [
        ({"operation": "receiveOrders"}, Reason.INPUT_INVALID, "did you mean receiveOrder?"),
        ({"operation": "shipped"}, Reason.UNSUPPORTED, "the system sends by shipped"),
        ({"operation": "bus-only"}, Reason.MISCONFIGURED, "speaks amqp"),
        ({"operation": "one"}, Reason.UNSUPPORTED, "has parameters"),
        ({"operation": "unknown"}, Reason.UNSUPPORTED, "no address"),
        ({"operation": "avro"}, Reason.UNSUPPORTED, "application/vnd.apache.avro"),
        ({"operation": "mixed"}, Reason.UNSUPPORTED, "several kinds"),
        ({"channel": "receiveOrder"}, Reason.INPUT_INVALID, "write operation: receiveOrder"),
        ({}, Reason.INPUT_INVALID, "operation or channel"),
        ({"operation": "receiveOrder", "channel": "orders"}, Reason.INPUT_INVALID, "one of them only"),
        (
            {"operation": "receiveOrder", "document": {"endpoint": "https://x.org/a.json"}},
            Reason.INPUT_INVALID,
            "no con",
        ),
    ],
)
async def test_call_that_is_not_in_order_is_refused_unsent(named: dict[str, Any], reason: Reason, says: str) -> None:
    async with queues.queues() as peer:
        outcome = await publish(peer.url, named)
        assert (outcome.reason, outcome.effect, peer.connections) == (reason, Effect.NONE, 0)
    assert says in outcome.detail and "A-17" not in outcome.detail


async def test_text_is_refused_where_messages_are_json() -> None:
    async with queues.queues() as peer:
        outcome = await publish(peer.url, {"operation": "receiveOrder"}, payload="A-17")
        assert (outcome.reason, peer.connections) == (Reason.INPUT_INVALID, 0)


@pytest.mark.parametrize(
    ("url", "says"),
    [("sftp://files.example.com", "none that takes messages"), ("kafka://127.0.0.1:1", "no server of its document")],
)
async def test_connection_of_another_protocol_says_what_is_wrong(url: str, says: str) -> None:
    outcome = await publish(url, {"channel": "/orders"}, document=SHOP)
    assert (outcome.reason, says in outcome.detail) == (Reason.MISCONFIGURED, True)


async def test_connection_without_such_a_document_says_where_to_write_it() -> None:
    async with standard_hub({"it": "amqp://127.0.0.1:1"}, limits=CALM) as hub:
        arguments = {"document": {"endpoint": "connection://it"}, "operation": "a", "message": {"payload": 1}}
        outcome = await hub.carry_out(HubCall(function="asyncapi", arguments=arguments, key="k"))
    assert outcome.reason is Reason.MISCONFIGURED
    assert "asyncapi: '${file:PATH}'" in outcome.detail


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"asyncapi": "1.2.0"}, "no AsyncAPI document"),
        ({"openapi": "3.1.0", "asyncapi": None}, "no AsyncAPI document"),
        ({"operations": {"a": {"action": "receive", "channel": {"$ref": "other.yaml#/x"}}}}, "bundle it"),
        ({"operations": {"a": {"action": "receive"}}}, "operations.a.channel: not an object"),
        ({"operations": {"a": {"action": "receive", "channel": {"$ref": "#/nowhere"}}}}, "leads nowhere"),
        ({"operations": ["a"]}, "not an object"),
        ({"operations": {1: {}}}, "no text"),
        ({"operations": {"a": {"action": "receive", "channel": {"address": "a"}, "messages": {}}}}, "not a list"),
        ({"asyncapi": "2.6.0", "channels": {"a": {"publish": {}, "servers": ["x"]}}}, "not names of its servers"),
    ],
)
def test_faulty_document_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        read(WAREHOUSE | change)


def test_operations_of_a_document_are_bounded() -> None:
    channels: dict[str, dict[str, str]] = {str(number): {} for number in range(MOST_OPERATIONS + 1)}
    with pytest.raises(DocumentError, match="more than"):
        read({"asyncapi": "2.6.0", "channels": channels})

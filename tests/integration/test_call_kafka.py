"""`call: kafka.publish` at a real broker, as a cluster of somebody else: what its readers find, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.assembly import standard_hub
from connectors.asyncapi.document import read as read_document
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.business import EventTypes
from schemas.cloudevents import from_headers
from schemas.reasons import Effect, Reason
from schemas.registry import Registry, RegistryAccess
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.messages.declared import read_messages
from streams.messages.places import framed_of, inlet_of
from streams.messages.reading import Reading
from streams.processors.call.checking import check
from streams.processors.call.connections import Addresses
from tests.support.row_sources import Kafka
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.broker

LIMITS = CallLimits(total_timeout_s=15.0, try_timeout_s=10.0)
EVENT = {"source": "/exlify/orders", "type": "com.example.order.placed"}


@pytest.fixture
async def hub(kafka: str) -> AsyncIterator[Hub]:
    async with standard_hub({"partner": f"kafka://{kafka}"}, limits=LIMITS) as opened:
        yield opened


def made(kafka: str, **config: str) -> str:
    name = f"foreign-{uuid.uuid4().hex}"
    topic = NewTopic(name, num_partitions=2, replication_factor=1, config=config)
    admin = AdminClient({"bootstrap.servers": kafka})  # what it is asked for ends with it
    admin.create_topics([topic])[name].result(PATIENCE_S)
    return name


def read(kafka: str, topic: str, count: int) -> list[tuple[str | None, Any, dict[str, bytes]]]:
    """What any reader finds, in the order of one key."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "a-reader", "isolation.level": "read_committed"})
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(2)])
        found = consumer.consume(count, timeout=PATIENCE_S)
    finally:
        consumer.close()
    return [
        (
            (each.key() or b"").decode(),
            json.loads(each.value() or b""),
            dict(cast("list[tuple[str, bytes]]", each.headers() or [])),
        )
        for each in found
    ]


async def publish(hub: Hub, topic: str, step: str = "k", **arguments: Any) -> CallOutcome:
    given = {"connection": "partner", "topic": topic, **arguments}
    return await hub.carry_out(HubCall(function="kafka.publish", arguments=given, key=step))


async def test_readers_find_what_was_published_in_the_order_of_its_key(hub: Hub, kafka: str) -> None:
    topic = made(kafka)
    for number in range(3):
        outcome = await publish(hub, topic, f"step-{number}", key="A-17", value={"n": number})
        assert (outcome.reason, outcome.effect) == (Reason.OK, Effect.DONE)
        assert outcome.output["offset"] == number
    assert [(key, value) for key, value, _ in read(kafka, topic, 3)] == [("A-17", {"n": n}) for n in range(3)]


async def test_an_event_that_is_sent_twice_is_one_by_its_id(hub: Hub, kafka: str) -> None:
    topic = made(kafka)
    for _ in range(2):
        assert (await publish(hub, topic, "step-1", key="A-17", value={"n": 1}, event=EVENT)).ok
    structured = await publish(hub, topic, "step-2", key="A-17", value={"n": 2}, event=EVENT, mode="structured")
    (_, _, first), (_, _, second), (_, third, _) = read(kafka, topic, 3)
    attributes = from_headers(list(first.items()))
    assert attributes["id"] == from_headers(list(second.items()))["id"]
    assert (attributes["type"], third["type"], third["data"]) == (EVENT["type"], EVENT["type"], {"n": 2})
    assert third["id"] == structured.output["id"] != attributes["id"]


async def test_what_the_cluster_refuses_has_not_happened(hub: Hub, kafka: str) -> None:
    missing = await publish(hub, f"missing-{uuid.uuid4().hex}", value=1)
    assert (missing.reason, missing.effect) == (Reason.NOT_FOUND, Effect.NONE)
    small = made(kafka, **{"max.message.bytes": "200"})
    refused = await publish(hub, small, value="x" * 2_000)
    assert (refused.reason, refused.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    assert (await publish(hub, made(kafka), value=1)).ok


async def test_message_by_an_asyncapi_document_goes_to_the_topic_that_it_names(kafka: str) -> None:
    topic = made(kafka)
    document = {
        "asyncapi": "3.0.0",
        "servers": {"bus": {"host": "bus.example.com", "protocol": "kafka"}},
        "channels": {"orders": {"address": "orders", "bindings": {"kafka": {"topic": topic}}}},
        "operations": {"receiveOrder": {"action": "receive", "channel": {"$ref": "#/channels/orders"}}},
    }
    given = {"document": {"endpoint": "connection://partner"}, "operation": "receiveOrder"}
    message = {"payload": {"number": "A-17"}, "headers": {"tenant": "north"}}
    call = HubCall(function="asyncapi", arguments={**given, "message": message}, key="step-1")
    api = read_document(document)
    async with standard_hub({"partner": f"kafka://{kafka}"}, limits=LIMITS, api_of=lambda _: api) as hub:
        outcome = await hub.carry_out(call)
    assert (outcome.reason, outcome.effect) == (Reason.OK, Effect.DONE)
    ((_, value, headers),) = read(kafka, topic, 1)
    assert (value, headers["tenant"], headers["idempotency-key"]) == (
        {"number": "A-17"}, b"north", outcome.output["id"].encode(),
    )  # fmt: skip


async def test_avro_goes_out_and_comes_in_by_a_real_registry(kafka: str, registry: str, tmp_path: Path) -> None:
    topic, subject = made(kafka), f"orders-{uuid.uuid4().hex}"
    schema = {"type": "record", "name": "Order", "fields": [{"name": "number", "type": "string"}]}
    async with Registry(RegistryAccess(registry)) as theirs:
        await theirs.register(subject, json.dumps(schema))
    urls = {"partner": f"kafka://{kafka}", "registry": registry}
    async with standard_hub(urls, limits=LIMITS) as hub:
        avro = {"registry": "registry", "subject": subject}
        outcome = await publish(hub, topic, value={"number": "A-17"}, avro=avro, event=EVENT)
        assert (outcome.reason, outcome.effect) == (Reason.OK, Effect.DONE)
        refused = await publish(hub, topic, value={"number": 5}, avro=avro)
        assert (refused.reason, refused.effect) == (Reason.INPUT_INVALID, Effect.NONE)
    (tmp_path / "connections.yaml").write_text("".join(f"{name}: {url}\n" for name, url in urls.items()))
    (tmp_path / "messages.yaml").write_text(f"it: {{connection: partner, from: {topic}, avro: registry}}\n")
    site, kept = Site(tmp_path), Kafka()
    source, addresses = (
        site.file("messages.yaml", read_messages).value["it"],
        Addresses(Settings(site_dir=tmp_path), site),
    )
    inlet = inlet_of(source, addresses)
    async with framed_of(source, addresses) as framed, asyncio.timeout(PATIENCE_S):
        reading = Reading(
            source=source, mapping=None, inlet=inlet, framed=framed, codec=kept.codec, types=EventTypes.load(),
            publisher=kept,
        )  # fmt: skip
        while not kept.events:
            await reading.look()
        await inlet.close()
    ((attributes, data),) = kept.events
    assert (attributes["type"], attributes["id"], data) == (EVENT["type"], outcome.output["id"], {"number": "A-17"})


async def test_topics_are_listed_and_a_cluster_is_checked_by_them(hub: Hub, kafka: str) -> None:
    topic = made(kafka)
    call = HubCall(function="kafka.topics", arguments={"connection": "partner", "match": topic}, key="k")
    assert (await hub.carry_out(call)).output == {"topics": [{"topic": topic, "partitions": 2}], "count": 1}
    assert (await check("partner", f"kafka://{kafka}", hub)).ok

"""Publishing and the definition feed against a real broker."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import ids
from schemas.codec import Codec
from streams.catalogue import FUNCTIONS
from streams.definitions import DEFINITIONS
from streams.definitions.deploy import deploy
from streams.definitions.feed import DefinitionFeed
from streams.definitions.removing import Removal, remove
from streams.ground import provision as provisioning
from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config, offsets
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher, RefusedRecordError
from streams.ground.publish_settings import PublishSettings
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.processors.intake import business_topic
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.broker

YAML = """
document: {{dsl: 1.0.3, namespace: test, name: {name}, version: {version}}}
schedule:
  on: {{one: {{with: {{type: com.example.{name}}}}}}}
do:
  - note: {{set: {{seen: true}}}}
"""


@pytest.fixture
def settings(kafka: str) -> Settings:
    return Settings(bootstrap=kafka).with_(PublishSettings(timeout_ms=5_000))


async def made_topic(settings: Settings) -> Topic:
    topic = Topic(name=f"test.event.{uuid.uuid4().hex}.v1", messages=())
    await provision(settings, [topic])
    return topic


def read_all(settings: Settings, topic: str, partition: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"})
    try:
        where = TopicPartition(topic, partition)
        low, high = consumer.get_watermark_offsets(where, timeout=PATIENCE_S)
        consumer.assign([TopicPartition(topic, partition, low)])
        found = consumer.consume(high - low, timeout=PATIENCE_S) if high > low else []
        return [(message.key(), message.value()) for message in found]
    finally:
        consumer.close()


async def test_new_topics_answer_when_they_are_provisioned(settings: Settings) -> None:
    topics = [Topic(name=f"test.event.{uuid.uuid4().hex}.v1", messages=()) for _ in range(40)]
    await provision(settings, topics)
    places = {(topic.name, number) for topic in topics for number in range(settings.partitions)}
    assert offsets(AdminClient(client_config(settings)), places, "latest", 5) == dict.fromkeys(places, 0)


async def test_topics_that_are_not_made_in_time_may_be_asked_for_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fault of the settings, after which nobody would try."""
    topics = [Topic(name=f"test.event.{uuid.uuid4().hex}.v1", messages=()) for _ in range(40)]
    with monkeypatch.context() as hasty:
        hasty.setattr(provisioning, "ASK_TIMEOUT_S", 0.001)
        hasty.setattr(provisioning, "MAKE_TIMEOUT_S", 0.001)
        with pytest.raises(UnavailableError, match="is not created after"):
            await provision(settings, topics)
    await provision(settings, topics)


async def test_acknowledged_records_stand_on_their_partition(settings: Settings) -> None:
    topic = await made_topic(settings)
    instance = ids.instance_id("w", "s", "1")
    async with Publisher(settings) as publisher:
        await publisher.publish(Outgoing(topic, instance.encode(), b"%d" % n) for n in range(50))
    number = ids.partition_of(instance, settings.partitions)
    assert read_all(settings, topic.name, number) == [(instance.encode(), b"%d" % n) for n in range(50)]


class Overtaken:
    """A producer whose first records are overtaken on their way to a new partition: they are said to be written, and
    have no place, for they are not there."""

    def __init__(self, producer: Any, records: int) -> None:
        self._producer = producer
        self._lost: list[Any] = []
        self._left = records

    def produce(self, topic: str, value: bytes, key: bytes, partition: int, report: Any, **more: Any) -> None:
        if self._left:
            self._left -= 1
            self._lost.append(report)
        else:
            self._producer.produce(topic, value, key, partition, report, **more)

    def poll(self, timeout: float) -> int:
        if self._lost:
            self._lost.pop()(None, self)
        return int(self._producer.poll(timeout))

    def offset(self) -> None:
        return None

    def flush(self, timeout: float) -> int:
        return int(self._producer.flush(timeout))


async def test_record_that_brokers_give_no_place_is_written_again(settings: Settings) -> None:
    topic = await made_topic(settings)
    instance = ids.instance_id("w", "s", "1")
    async with Publisher(settings) as publisher:
        hidden: Any = publisher
        hidden._producer = Overtaken(hidden._producer, 1)
        await publisher.publish(Outgoing(topic, instance.encode(), b"%d" % n) for n in range(5))
    found = read_all(settings, topic.name, ids.partition_of(instance, settings.partitions))
    assert sorted(value or b"" for _, value in found) == [b"%d" % n for n in range(5)]


async def test_record_that_gets_no_place_at_any_try_is_not_taken_for_written(settings: Settings) -> None:
    topic = await made_topic(settings)
    async with Publisher(settings) as publisher:
        hidden: Any = publisher
        hidden._producer = Overtaken(hidden._producer, 9)
        with pytest.raises(UnavailableError, match="does not say where"):
            await publisher.publish([Outgoing(topic, ids.instance_id("w", "s", "1").encode(), b"v")])


async def test_record_for_a_missing_topic_is_refused(settings: Settings) -> None:
    async with Publisher(settings.with_(PublishSettings(timeout_ms=500))) as publisher:
        with pytest.raises((RefusedRecordError, UnavailableError)):
            await publisher.publish([Outgoing(business_topic("no.such.topic.v1"), b"k", b"v")])


async def test_missing_broker_is_told_in_bounded_time(settings: Settings) -> None:
    away = replace(settings, bootstrap="127.0.0.1:1").with_(PublishSettings(timeout_ms=300))
    async with Publisher(away) as publisher:
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
            await publisher.publish([Outgoing(business_topic("any"), b"k", b"v")])


async def test_feed_knows_old_and_new_deployments_and_what_was_removed(settings: Settings) -> None:
    await provision(settings, [DEFINITIONS])
    codec = Codec.offline()
    name = f"w{uuid.uuid4().hex[:8]}"
    feed = DefinitionFeed(settings, codec, FUNCTIONS)
    async with Publisher(settings) as publisher:
        first = await deploy(publisher, codec, settings, YAML.format(name=name, version="1.0.0"), FUNCTIONS, by="test")
        await feed.start()
        found = feed.latest(name)
        assert found is not None and found.digest == first.digest
        waiting = asyncio.create_task(feed.wait_for("0" * 64, 0.1))
        second = await deploy(publisher, codec, settings, YAML.format(name=name, version="1.1.0"), FUNCTIONS, by="test")
        assert await feed.wait_for(second.digest, PATIENCE_S) is feed.latest(name)
        assert [graph.digest for graph in feed.for_event(f"com.example.{name}")] == [second.digest]
        assert feed.graph(first.digest) is not None
        assert await waiting is None
        gone = Removal(digest=first.digest, name=name, version="1.0.0", why="old", actor="kim", at_ms=1)
        await remove(publisher, codec, gone)
        await feed.catch_up()
    late = DefinitionFeed(settings, codec, FUNCTIONS)  # as after a restart
    await late.start()
    for each in (feed, late):
        assert (each.named(name, "1.0.0"), each.removal(first.digest)) == (None, gone)
        assert each.graph(first.digest) is not None
        await each.close()


async def test_feed_caught_up_knows_what_was_deployed_before(settings: Settings) -> None:
    await provision(settings, [DEFINITIONS])
    codec = Codec.offline()
    feed = DefinitionFeed(settings, codec, FUNCTIONS)
    await feed.start()
    async with Publisher(settings) as publisher, asyncio.timeout(PATIENCE_S):
        for version in range(3):
            yaml = YAML.format(name=f"w{uuid.uuid4().hex[:8]}", version=f"1.{version}.0")
            graph = await deploy(publisher, codec, settings, yaml, FUNCTIONS, by="test")
            await feed.catch_up()
            assert feed.graph(graph.digest) is not None
    await feed.close()

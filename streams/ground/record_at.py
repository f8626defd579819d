"""One record of a topic, by its place, and which topics there are: for people who look at letters."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.recordheaders import headers_of
from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

TIMEOUT_S = 10.0
POLL_S = 0.5


class RawRecord(NamedTuple):
    """What stands at a place."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


async def record_at(settings: Settings, topic: str, partition: int, offset: int) -> RawRecord | None:
    """The record at this place; None where it is held no longer. Raises UnavailableError where Kafka is away."""
    return await asyncio.to_thread(_read, settings, TopicPartition(topic, partition, offset))


async def topics_there(settings: Settings) -> frozenset[str]:
    """The names of all topics. Raises UnavailableError where Kafka is away."""
    return await asyncio.to_thread(_topics, settings)


def _topics(settings: Settings) -> frozenset[str]:
    try:
        return frozenset(AdminClient(client_config(settings)).list_topics(timeout=TIMEOUT_S).topics)
    except KafkaException:
        raise UnavailableError(f"Kafka at {settings.bootstrap} does not answer. Is it running?") from None


def _read(settings: Settings, place: TopicPartition) -> RawRecord | None:
    config = {"group.id": f"{settings.group_prefix}-look", "enable.auto.commit": False}  # a name; nothing is committed
    consumer = Consumer(client_config(settings) | config, logger=None)
    try:
        first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        if not first <= place.offset < end:
            return None
        consumer.assign([place])
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            found = consumer.poll(POLL_S)
            if found is None or found.error() is not None:
                continue
            if found.offset() != place.offset:
                return None
            headers = headers_of(found)
            return RawRecord(found.key(), found.value(), [(name, text or b"") for name, text in headers])
    except KafkaException:
        pass
    finally:
        consumer.close()
    raise UnavailableError(f"Topic {place.topic} at {settings.bootstrap} cannot be read. Is Kafka running?")

"""How many records a processor has yet to read, as its group's coordinator knows it. Blocks: ask from a thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

Answer = TypeVar("Answer")

ASK_S = 10.0
PAUSE_S = 0.2


def unread(settings: Settings, processor: str, *topics: str) -> int:
    """Those of its topics together; there are none where there is no such topic. Raises UnavailableError."""
    group = {"group.id": f"{settings.group_prefix}-{processor}", "enable.auto.commit": False}
    consumer = Consumer(client_config(settings) | group)
    try:
        asked = topics[0] if len(topics) == 1 else None
        there = consumer.list_topics(asked, timeout=ASK_S).topics
        places = [Place(name, number) for name in topics if name in there for number in there[name].partitions]
        committed = coordinated(lambda: consumer.committed(places, timeout=ASK_S)) if places else []
        return sum(_left(consumer, place) for place in committed)
    except KafkaException as error:
        if error.args[0].code() in NO_MORE:
            return 0
        raise away(settings, error.args[0].str()) from None
    finally:
        consumer.close()


def _left(consumer: Consumer, read: Place) -> int:
    low, high = consumer.get_watermark_offsets(read, timeout=ASK_S)
    return max(0, high - max(low, read.offset))


def coordinated(ask: Callable[[], Answer]) -> Answer:
    """What a group's coordinator answers; a group that is new, or whose broker has gone, has none for a moment."""
    until = time.monotonic() + ASK_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _NO_COORDINATOR or time.monotonic() > until:
                raise
            time.sleep(PAUSE_S)


def away(settings: Settings, reason: str) -> UnavailableError:
    """Kafka does not answer."""
    return UnavailableError(f"Kafka at {settings.bootstrap} does not answer ({reason}). Is it running?")


_NO_COORDINATOR = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)
NO_MORE = frozenset(
    {
        KafkaError._PARTITION_EOF,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)
"""The end of the topic, or no topic."""

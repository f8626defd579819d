"""How many records a processor has yet to read, as its group's coordinator knows it. Blocks: ask from a thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from streams.ground.errors import UnavailableError
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

Answer = TypeVar("Answer")

ASK_S = 10.0
PAUSE_S = 0.2


class Standing(NamedTuple):
    """How far a processor has come in a topic."""

    read: int  # positions of its partitions, added up
    unread: int


def unread(settings: Settings, processor: str, topic: str) -> int:
    """Those of a topic, 0 where there is no such topic. Raises UnavailableError."""
    reading = Reading(settings, processor)
    try:
        return reading.standing(topic).unread
    finally:
        reading.close()


class Reading:
    """Where a processor is; keeps its connection, for who asks again and again."""

    def __init__(self, settings: Settings, processor: str) -> None:
        group = {"group.id": f"{settings.group_prefix}-{processor}", "enable.auto.commit": False}
        self._settings = settings
        self._consumer = Consumer(client_config(settings) | group)

    def standing(self, topic: str) -> Standing:
        """In a topic; nothing is read or unread where there is no such topic. Raises UnavailableError."""
        consumer = self._consumer
        try:
            found = consumer.list_topics(topic, timeout=ASK_S).topics[topic]
            places = [Place(topic, number) for number in found.partitions]
            committed = coordinated(lambda: consumer.committed(places, timeout=ASK_S)) if places else []
            read = {place.partition: max(0, place.offset) for place in committed}
            ends = {place.partition: consumer.get_watermark_offsets(place, timeout=ASK_S) for place in places}
        except KafkaException as error:
            if error.args[0].code() in NO_MORE:
                return Standing(0, 0)
            raise away(self._settings, error.args[0].str()) from None
        left = (max(0, high - max(low, read.get(number, 0))) for number, (low, high) in ends.items())
        return Standing(sum(read.values()), sum(left))

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close()


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

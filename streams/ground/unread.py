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
    """How far a processor has come in some topics together."""

    read: int  # positions of their partitions, added up
    unread: int


def unread(settings: Settings, processor: str, *topics: str) -> int:
    """Those of its topics together; there are none where there is no such topic. Raises UnavailableError."""
    reading = Reading(settings, processor)
    try:
        return reading.standing(*topics).unread
    finally:
        reading.close()


class Reading:
    """Where a processor is; keeps its connection, for who asks again and again."""

    def __init__(self, settings: Settings, processor: str) -> None:
        group = {"group.id": f"{settings.group_prefix}-{processor}", "enable.auto.commit": False}
        self._settings = settings
        self._consumer = Consumer(client_config(settings) | group)

    def standing(self, *topics: str) -> Standing:
        """In some topics; nothing is read or unread of one that is not there. Raises UnavailableError."""
        try:
            asked = topics[0] if len(topics) == 1 else None
            there = self._consumer.list_topics(asked, timeout=ASK_S).topics
            places = [Place(name, number) for name in topics if name in there for number in there[name].partitions]
            committed = coordinated(lambda: self._consumer.committed(places, timeout=ASK_S)) if places else []
            return Standing(sum(max(0, place.offset) for place in committed), sum(map(self._left, committed)))
        except KafkaException as error:
            if error.args[0].code() in NO_MORE:
                return Standing(0, 0)
            raise away(self._settings, error.args[0].str()) from None

    def _left(self, read: Place) -> int:
        low, high = self._consumer.get_watermark_offsets(read, timeout=ASK_S)
        return int(max(0, high - max(low, read.offset)))

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

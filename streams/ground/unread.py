"""How many records a processor has yet to read, as its group's coordinator knows it. Blocks: ask from a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeVar

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from streams.ground.errors import UnavailableError
from streams.ground.kafka import Place, client_config, offsets
from streams.ground.settings import Settings

Answer = TypeVar("Answer")

ASK_S = 10.0
PAUSE_S = 0.2


class Standing(NamedTuple):
    """How far a processor has come in some topics together."""

    read: int  # positions of their partitions, added up
    unread: int


def unread(settings: Settings, topics: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Those of its topics together, by processor; none where there is no such topic. Raises UnavailableError."""
    return {name: found.unread for name, found in Positions(settings).standing(topics).items()}


class Positions:
    """Where processors are; keeps its connection, for who asks again and again.

    All are asked together: their ends once, and the coordinator once for each. Partition after partition it were six
    times as many questions, of which intake asks each second.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AdminClient(client_config(settings))

    def standing(self, topics: Mapping[str, Collection[str]]) -> dict[str, Standing]:
        """Of processors, in these topics of each; nothing is read or unread of one that is not there. Raises
        UnavailableError.
        """
        try:
            there = self._there({topic for wanted in topics.values() for topic in wanted})
            places = {name: [place for topic in wanted for place in there[topic]] for name, wanted in topics.items()}
            every = {place for each in places.values() for place in each}
            first, end = (offsets(self._admin, every, which, ASK_S) for which in ("earliest", "latest"))
            if not every <= first.keys() & end.keys():
                raise away(self._settings, "some partitions are silent")
            read = coordinated(lambda: self._committed(places))
        except KafkaException as error:
            raise away(self._settings, error.args[0].str()) from None
        return {name: _standing(first, end, read[name]) for name in topics}

    def _there(self, topics: Collection[str]) -> dict[str, list[Place]]:
        """Partitions by topic; a cluster may have thousands of others, which are not asked for."""
        found: dict[str, list[Place]] = {topic: [] for topic in topics}
        asked = TopicCollection(sorted(topics))
        for topic, answer in self._admin.describe_topics(asked, request_timeout=ASK_S).items() if topics else ():
            try:
                partitions = answer.result().partitions
            except KafkaException as error:
                if error.args[0].code() not in NO_MORE:
                    raise
                continue
            # A new one may have no leader yet, and nothing.
            found[topic] = [(topic, each.id) for each in partitions if each.leader is not None]
        return found

    def _committed(self, places: Mapping[str, Collection[Place]]) -> dict[str, dict[Place, int]]:
        """Positions, by processor."""
        prefix = self._settings.group_prefix
        asked = {
            name: ConsumerGroupTopicPartitions(f"{prefix}-{name}", [TopicPartition(*place) for place in ours])
            for name, ours in places.items()
            if ours
        }
        answers = {
            name: self._admin.list_consumer_group_offsets([each], request_timeout=ASK_S)[each.group_id]
            for name, each in asked.items()
        }
        found: dict[str, dict[Place, int]] = {name: {} for name in places}
        for name, answer in answers.items():
            for each in answer.result().topic_partitions:
                if each.error is not None:
                    raise KafkaException(each.error)
                found[name][each.topic, each.partition] = each.offset
        return found


def _standing(first: Mapping[Place, int], end: Mapping[Place, int], read: Mapping[Place, int]) -> Standing:
    """Of one processor; an offset below nothing is that of a partition which it has not begun."""
    unread = (max(0, end[place] - max(first[place], offset)) for place, offset in read.items())
    return Standing(sum(max(0, offset) for offset in read.values()), sum(unread))


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

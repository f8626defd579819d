"""What a topic holds, by place and by time: for who goes through past records without belonging to a group."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.recordheaders import headers_of
from streams.ground.errors import UnavailableError, UsageError
from streams.ground.kafka import client_config
from streams.ground.settings import Settings

TIMEOUT_S = 10.0
POLL_S = 0.5
BATCH_BYTES = 8 * 2**20


class PastRecord(NamedTuple):
    """A record as it stands on its topic."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class PastRecords:
    """One client, for one thread at a time. Everything blocks, and raises UnavailableError where Kafka is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        own: dict[str, Any] = {
            "group.id": f"{settings.group_prefix}-past",  # a name; nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 16_384,
        }
        self._consumer = Consumer(client_config(settings) | own, logger=None)
        self._place: TopicPartition | None = None  # where the next record comes from

    def close(self) -> None:
        """Lets go of the connections."""
        self._consumer.close()

    def held(self, topic: str) -> dict[int, tuple[int, int]]:
        """The first offset and the one behind the last of each partition. Raises UsageError for none."""
        try:
            found = self._consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
            if found.error is not None:
                raise UsageError(f"there is no topic {topic}; `exlify topics` lists those that there are")
            places = [TopicPartition(topic, number) for number in sorted(found.partitions)]
            return {place.partition: self._consumer.get_watermark_offsets(place, timeout=TIMEOUT_S) for place in places}
        except KafkaException:
            raise self._away(topic) from None

    def offsets_at(self, topic: str, partitions: Iterable[int], at_ms: int) -> dict[int, int | None]:
        """The first offset of each partition whose record is of this time (epoch) or later; None where none is."""
        asked = [TopicPartition(topic, number, at_ms) for number in partitions]
        try:
            found = self._consumer.offsets_for_times(asked, timeout=TIMEOUT_S)
        except KafkaException:
            raise self._away(topic) from None
        return {each.partition: each.offset if each.offset >= 0 else None for each in found}

    def read(self, topic: str, partition: int, first: int, end: int, limit: int) -> list[PastRecord]:
        """Records from an offset on, before `end`, at most `limit`. None of them: there are none before `end`."""
        found: list[PastRecord] = []
        size, until = 0, time.monotonic() + TIMEOUT_S
        try:
            self._go_to(topic, partition, first)
            while len(found) < limit and size < BATCH_BYTES:
                message = self._consumer.poll(POLL_S)
                if message is None:
                    if found:
                        break
                    if time.monotonic() > until:
                        raise self._away(topic)
                    continue
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        break
                    raise KafkaException(error)
                offset = message.offset()
                if message.partition() != partition or message.topic() != topic or offset is None or offset < first:
                    continue
                if offset >= end:
                    self._place = None  # it has been taken from the log
                    break
                headers = headers_of(message)
                record = PastRecord(
                    topic, partition, offset, message.timestamp()[1], message.key(), message.value(),
                    [(name, text or b"") for name, text in headers],
                )  # fmt: skip
                found.append(record)
                size += len(record.value or b"")
                self._place = TopicPartition(topic, partition, offset + 1)
                if offset + 1 >= end:
                    break  # that it is the last one the broker would say half a second later
        except KafkaException:
            self._place = None
            raise self._away(topic) from None
        return found

    def _go_to(self, topic: str, partition: int, offset: int) -> None:
        """Goes on where it is, or goes elsewhere."""
        here = self._place
        if here is None or (here.topic, here.partition, here.offset) != (topic, partition, offset):
            self._place = TopicPartition(topic, partition, offset)
            self._consumer.assign([self._place])

    def _away(self, topic: str) -> UnavailableError:
        return UnavailableError(f"Topic {topic} at {self._settings.bootstrap} cannot be read. Is Kafka running?")

"""Looking at Kafka from outside: what a topic holds, how far a group has come, how big a log is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.runtime.processor import Record

REQUEST_S = 10.0


class Log:
    """The records of some topics and the positions of one group. Joins nothing, commits nothing."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
        self._asking = Consumer(self._config)

    def ends(self, topic: str, partitions: int) -> list[int]:
        """The offset behind the last record of each partition. Raises KafkaException while no broker answers."""
        return [self._bounds(topic, number)[1] for number in range(partitions)]

    def _bounds(self, topic: str, number: int) -> tuple[int, int]:
        found: tuple[int, int] = self._asking.get_watermark_offsets(TopicPartition(topic, number), timeout=REQUEST_S)
        return found

    def committed(self, topic: str, partitions: int) -> list[int]:
        """What the group has committed for each partition, 0 where nothing. Raises KafkaException like `ends`."""
        wanted = [TopicPartition(topic, number) for number in range(partitions)]
        found = self._asking.committed(wanted, timeout=REQUEST_S)
        if any(item.error is not None for item in found):
            raise KafkaException(next(item.error for item in found if item.error is not None))
        return [max(0, item.offset) for item in found]

    def read(self, topic: str, partitions: int) -> list[Record]:
        """Every record that the topic holds now, partition by partition in the order of offsets."""
        return [record for number in range(partitions) for record in self._read_partition(topic, number)]

    def _read_partition(self, topic: str, number: int) -> Iterator[Record]:
        first, end = self._bounds(topic, number)
        with _consumer(self._config) as consumer:
            consumer.assign([TopicPartition(topic, number, first)])
            while first < end:
                raw = consumer.poll(REQUEST_S)
                if raw is None:
                    raise KafkaException(f"{topic}[{number}]: nothing between {first} and {end}")
                if raw.error() is None:
                    record = _record(raw)
                    first = record.offset + 1
                    if record.offset < end:
                        yield record

    def close(self) -> None:
        """Lets go of the connection."""
        self._asking.close()


@contextmanager
def _consumer(config: dict[str, Any]) -> Iterator[Consumer]:
    consumer = Consumer(config)
    try:
        yield consumer
    finally:
        consumer.close()


def _record(raw: Any) -> Record:
    return Record(
        raw.topic(),
        raw.partition(),
        raw.offset(),
        raw.timestamp()[1],
        raw.key(),
        raw.value(),
        tuple(raw.headers() or ()),
    )


def header(record: Record, name: str) -> bytes:
    """The value of a header; raises KeyError where it is not there."""
    return dict(record.headers)[name]

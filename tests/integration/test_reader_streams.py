"""A reader that gathers, between calm and streams: it changes its client, and loses, doubles and disorders nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.ground.settings import Settings
from streams.runtime.pace import STREAM_PER_S
from streams.runtime.processor import Record
from streams.runtime.reader import Partition, Reader
from tests.support.waiting import PATIENCE_S

PARTITIONS = 3
BURST = 20_000  # records; much more than a second of what is called a stream
GENERATION = 7
RARELY_S = 5 / STREAM_PER_S  # so that what comes is no stream

pytestmark = pytest.mark.broker


class Reading:
    """A topic, its reader, and what has come of it."""

    def __init__(self, kafka: str) -> None:
        self.topic = f"streams-{uuid.uuid4().hex[:8]}"
        self._producer = Producer({"bootstrap.servers": kafka, "log_level": 0, "queue.buffering.max.messages": 200_000})
        self._written = [0] * PARTITIONS
        self.offsets: dict[int, list[int]] = defaultdict(list)
        admin = AdminClient({"bootstrap.servers": kafka})
        admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)])[self.topic].result(PATIENCE_S)
        self.reader = Reader(Settings(bootstrap=kafka), self.topic, self._deliver, self._failed, gathers=True)

    def _failed(self, error: BaseException) -> None:
        raise AssertionError(error)

    def _deliver(self, generation: int, records: Mapping[Partition, list[Record]]) -> None:
        assert generation == GENERATION
        for partition, found in records.items():
            self.offsets[partition.number] += [each.offset for each in found]

    async def start(self) -> None:
        self.reader.start()
        await self.reader.assign(GENERATION, {Partition(self.topic, n): None for n in range(PARTITIONS)})

    def write(self, count: int, numbers: range = range(PARTITIONS)) -> None:
        for n in range(count):
            number = numbers[n % len(numbers)]
            self._producer.produce(self.topic, b"x" * 100, partition=number)
            self._written[number] += 1
        assert self._producer.flush(PATIENCE_S) == 0

    async def until(
        self, condition: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None, every_s: float = 0.01
    ) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.to_thread(meanwhile)
                await asyncio.sleep(every_s)

    def has_all(self) -> bool:
        return [len(self.offsets[n]) for n in range(PARTITIONS)] == self._written

    def in_order(self) -> bool:
        return all(self.offsets[n] == [*range(len(self.offsets[n]))] for n in range(PARTITIONS))


async def test_between_calm_and_streams_nothing_is_lost_or_doubled(kafka: str) -> None:
    reading = Reading(kafka)
    await reading.start()
    try:
        for _ in range(2):
            await reading.until(lambda: reading.reader._in_stream, lambda: reading.write(BURST // 10))
            await reading.until(lambda: not reading.reader._in_stream, lambda: reading.write(1), RARELY_S)
        await reading.until(lambda: reading.reader._in_stream, lambda: reading.write(BURST // 10))
        await reading.until(lambda: not reading.reader._in_stream)  # also where nothing comes any more
        reading.write(PARTITIONS)
        await reading.until(reading.has_all)
        assert reading.in_order()
    finally:
        await reading.reader.stop()


async def test_partition_that_is_held_back_stays_so_through_a_change(kafka: str) -> None:
    reading = Reading(kafka)
    await reading.start()
    try:
        reading.write(PARTITIONS)
        await reading.until(reading.has_all)
        held = Partition(reading.topic, 0)
        reading.reader.pause(held)
        await reading.until(lambda: held in reading.reader._paused)
        others = range(1, PARTITIONS)
        await reading.until(lambda: reading.reader._in_stream, lambda: reading.write(BURST // 10, others))
        before = len(reading.offsets[0])
        reading.write(BURST // 10)
        await reading.until(lambda: len(reading.offsets[1]) == reading._written[1])
        assert len(reading.offsets[0]) == before
        reading.reader.resume(held)
        await reading.until(reading.has_all)
        assert reading.in_order()
    finally:
        await reading.reader.stop()

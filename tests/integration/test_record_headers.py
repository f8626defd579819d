"""A record with a header whose name is no text, as any producer of a topic may write one, is read as what it is."""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.recordheaders import UNREADABLE, headers_of
from tests.support.waiting import PATIENCE_S

NAME, STRANGE = b"name", b"\xff\xfe\xfd\xfc"  # of as many bytes, since no client writes the second
_CRC, _COVERED = slice(17, 21), slice(21, None)
RECORDS = 300


async def written(kafka: str, topic: str) -> None:
    """Records of which every second one has such a header."""
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        batch: Any = producer.create_batch()
        for number in range(RECORDS):
            name = NAME.decode() if number % 2 else "plain"
            assert batch.append(timestamp=None, key=b"k", value=b"v", headers=[(name, b"x")]) is not None
        whole = bytearray(bytes(batch._build()).replace(NAME, STRANGE))
        whole[_CRC] = struct.pack(">I", calc_crc32c(bytes(whole[_COVERED])))
        batch._buffer = whole
        await (await producer.send_batch(batch, topic, partition=0))


def read(kafka: str, topic: str) -> Iterator[Any]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic, "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        for _ in range(RECORDS):
            message = consumer.poll(30)
            assert message is not None and message.error() is None
            yield message
    finally:
        consumer.close()


@pytest.mark.broker
async def test_a_name_of_a_header_that_is_no_text_is_known_and_ends_nobody(kafka: str) -> None:
    """It ended every process that read the record, after each start again."""
    topic = f"foreign-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])[topic].result(PATIENCE_S)
    await written(kafka, topic)
    found = await asyncio.to_thread(lambda: [headers_of(each) for each in read(kafka, topic)])
    assert [each is UNREADABLE for each in found] == [bool(number % 2) for number in range(RECORDS)]
    assert [list(each) for each in found[::2]] == [[("plain", b"x")]] * (RECORDS // 2)

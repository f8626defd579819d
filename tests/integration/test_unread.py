"""What processors have not read yet, asked of a real broker: of several at once, as intake asks each second."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.local import ports
from streams.ground import unread
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from streams.ground.unread import Positions, Standing
from tests.support.waiting import PATIENCE_S

HELD = {0: 5, 1: 3, 2: 0}  # records by partition


@pytest.mark.broker
async def test_each_is_told_what_it_has_not_read(kafka: str) -> None:
    settings = Settings(bootstrap=kafka, group_prefix=f"p{uuid.uuid4().hex[:8]}")
    one, other, none = (f"{settings.group_prefix}-{name}" for name in ("one", "other", "none"))
    await asyncio.to_thread(_written, kafka, one, other)
    await asyncio.to_thread(_read, settings, "some", one, {0: 2})
    await asyncio.to_thread(_read, settings, "all", one, HELD)
    await asyncio.to_thread(_read, settings, "all", other, HELD)
    await asyncio.to_thread(_deleted_before, kafka, one, 1, 2)
    wanted = {"some": [one], "all": [one, other], "fresh": [one, none], "away": [none]}
    found = await asyncio.to_thread(Positions(settings).standing, wanted)
    # Two of the three records in partition 1 are gone: nobody has them before them any more.
    assert found == {
        "some": Standing(2, 3 + 1),
        "all": Standing(16, 0),
        "fresh": Standing(0, 5 + 1),
        "away": Standing(0, 0),
    }


async def test_broker_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody takes it for work that is done."""
    monkeypatch.setattr(unread, "ASK_S", 0.2)
    (port,) = ports.new(1)
    settings = Settings(bootstrap=f"127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match="does not answer"):
        await asyncio.to_thread(unread.unread, settings, {"some": ["one"]})


def _written(kafka: str, *topics: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    for made in admin.create_topics([NewTopic(each, len(HELD), 1) for each in topics]).values():
        made.result(PATIENCE_S)
    producer = Producer({"bootstrap.servers": kafka})
    for topic in topics:
        for number, count in HELD.items():
            for _ in range(count):
                producer.produce(topic, b"v", partition=number)
    assert producer.flush(PATIENCE_S) == 0


def _read(settings: Settings, processor: str, topic: str, offsets: Mapping[int, int]) -> None:
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap, "group.id": f"{settings.group_prefix}-{processor}"},
    )
    consumer.commit(offsets=[TopicPartition(topic, *each) for each in offsets.items()], asynchronous=False)
    consumer.close()


def _deleted_before(kafka: str, topic: str, number: int, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    for deleted in admin.delete_records([TopicPartition(topic, number, offset)]).values():
        deleted.result(PATIENCE_S)

"""A list in pages, on a real broker, with the worker killed while a page is under way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from orjson import dumps

from schemas.codec import Codec
from schemas.ids import partition_of
from schemas.messages import INSTANCE_OUTCOME, START_INSTANCE
from streams import catalogue
from streams.definitions import outcome_topic
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.orchestrate import INBOX
from tests.support import peers
from tests.support.data import payload
from tests.support.definitions import load
from tests.support.hosted import PARTITIONS, worker

PAGED = """
document: {{dsl: '1.0.3', namespace: tests, name: listing, version: '1.0.0'}}
do:
  - list: {{call: http, with: {{method: get, endpoint: '{url}', pages: {{by: cursor, items: .data, next: .next}}}}}}
"""
LISTING = "cd" * 16


def page(items: list[int], following: str | None) -> peers.Act:
    body = dumps({"data": items, "next": following})
    return peers.status(200, "Content-Type: application/json", body=body)


def outcome(kafka: str, instance: str) -> dict[str, Any]:
    """How an instance has ended."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader", "auto.offset.reset": "earliest"})
    topic = outcome_topic("listing").name
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    while True:
        record = consumer.poll(60)
        assert record is not None and record.error() is None, "it has not ended"
        name, data = Codec.offline().decode(record.value() or b"")
        if name == INSTANCE_OUTCOME and data["instance_id"] == instance:
            consumer.close()
            return data


@pytest.mark.broker
@pytest.mark.crash
async def test_worker_killed_between_pages_asks_again_for_the_page_under_way_at_most(
    kafka: str, tmp_path: Path
) -> None:
    """Killed while it waits for the second page, and again while it waits for the third."""
    settings = Settings(bootstrap=kafka, partitions=PARTITIONS)
    await provision(settings, (*catalogue.topics(settings), outcome_topic("listing")))
    script = (page([1, 2], "b"), peers.never_answers, page([3], "c"), peers.never_answers, page([4], None))
    async with peers.peer(*script) as peer:
        text, file = PAGED.format(url=peer.url), tmp_path / "listing.yaml"
        file.write_text(text)
        graph = load(text)
        start = {
            "instance_id": LISTING, "workflow": graph.name, "version": graph.version, "digest": graph.digest,
            "source": "/tests", "event_id": "1", "event_type": "tests.begun", "time_ms": 0, "data": payload({}),
        }  # fmt: skip
        producer = Producer({"bootstrap.servers": kafka})
        value = Codec.offline().encode(START_INSTANCE, start)
        producer.produce(INBOX.name, value, LISTING.encode(), partition_of(LISTING, PARTITIONS))
        producer.flush(30)
        for count in (2, 4):
            with worker(kafka, tmp_path, "orchestrate,call", file):
                while peer.count < count:
                    peer.asked.clear()
                    await asyncio.wait_for(peer.asked.wait(), 90)
        with worker(kafka, tmp_path, "orchestrate,call", file):
            ended = await asyncio.to_thread(outcome, kafka, LISTING)
        asked = [sent.split(b" ")[1].decode() for sent in peer.requests]
    assert (ended["status"], ended["output"].value()) == ("completed", [1, 2, 3, 4])
    assert asked == ["/", "/?cursor=b", "/?cursor=b", "/?cursor=c", "/?cursor=c"]

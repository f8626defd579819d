"""Calls, and who recovers them, on a real broker, killed with -9 while calls are under way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.codec import Codec
from schemas.ids import partition_of, step_id
from schemas.messages import STEP_COMMAND
from schemas.reasons import Reason
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors import call, recover
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import PARKING
from tests.support import peers
from tests.support.data import payload
from tests.support.hosted import PARTITIONS, worker

INSTANCE = "ab" * 16
NUMBER = partition_of(INSTANCE, PARTITIONS)
LINES = tuple({*call.DECLARATION.topics(Settings()), *recover.DECLARATION.topics(Settings()), PARKING})


def command(pointer: str, url: str, effect: str | None, *, probed: bool = False) -> bytes:
    step = {"instance_id": INSTANCE, "pointer": pointer, "iteration": 0, "attempt": 0}
    arguments = payload({"method": "POST", "endpoint": url})
    rest = {
        "function": "http",
        "arguments": arguments,
        "effect": effect,
        "workflow": "w",
        "version": "1",
        "digest": "d",
        "probe": payload({"function": "http", "arguments": {"method": "get", "endpoint": url}}) if probed else None,
    }
    return Codec.offline().encode(STEP_COMMAND, {**step, **rest})


def publish(kafka: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    for value in values:
        producer.produce(call.DECLARATION.commands.name, value, INSTANCE.encode(), NUMBER)
    producer.flush(30)


def results(kafka: str, count: int) -> dict[str, dict[str, Any]]:
    """The first `count` results on the inbox, by the pointer of their task."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(INBOX.name, NUMBER, 0)])
    codec = Codec.offline()
    found: dict[str, dict[str, Any]] = {}
    while len(found) < count:
        record = consumer.poll(60)
        assert record is not None and record.error() is None, f"only {len(found)} of {count} results came"
        if record.key() != INSTANCE.encode():
            continue  # of another test on the same broker
        _, data = codec.decode(record.value() or b"")
        found[data["pointer"]] = data
    consumer.close()
    return found


@pytest.mark.broker
@pytest.mark.slow
async def test_killed_worker_repeats_only_what_may_be_repeated(kafka: str, tmp_path: Path) -> None:
    settings = Settings(bootstrap=kafka, partitions=PARTITIONS)
    await provision(settings, LINES)
    silent_then_well = (peers.never_answers, peers.answers(peers.OK))
    async with (
        peers.peer(*silent_then_well) as blind,
        peers.peer(*silent_then_well) as keyed,
        peers.peer(*silent_then_well) as done,
        peers.peer(peers.never_answers, peers.status(404), peers.answers(peers.OK)) as undone,
    ):
        publish(
            kafka,
            command("/do/0/blind", blind.url, None),
            command("/do/1/keyed", keyed.url, "keyed"),
            command("/do/2/done", done.url, "probed", probed=True),
            command("/do/3/undone", undone.url, "probed", probed=True),
        )
        with worker(kafka, tmp_path):
            await asyncio.gather(*(each.asked.wait() for each in (blind, keyed, done, undone)))
        with worker(kafka, tmp_path):
            found = await asyncio.to_thread(results, kafka, 4)
        assert blind.count == 1
        assert [keyed.header("Idempotency-Key", index) for index in (0, 1)] == [
            step_id(INSTANCE, "/do/1/keyed", 0, 0)
        ] * 2
    assert found["/do/0/blind"]["error"]["reason"] == Reason.OUTCOME_UNKNOWN
    assert found["/do/1/keyed"]["status"] == "completed"
    asked = {each.url: [sent.partition(b" ")[0] for sent in each.requests] for each in (done, undone)}
    assert asked == {done.url: [b"POST", b"GET"], undone.url: [b"POST", b"GET", b"POST"]}
    assert [found[each]["output"].value() for each in ("/do/2/done", "/do/3/undone")] == [{"ok": True}] * 2

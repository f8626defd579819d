"""The worker of the wire contract, as it stands on the page: no import of ours, and nothing lost or done twice."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.codec import Codec
from schemas.functions import EffectClass
from schemas.ids import partition_of, step_id
from schemas.messages import CANCEL_STEP, STEP_COMMAND
from schemas.reasons import Effect, Reason
from schemas.steps import address
from streams.definitions import OWN_FUNCTIONS
from streams.definitions.own import KafkaOwnFunctions
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import own_step_topic
from streams.processors.orchestrate import INBOX
from tests.support import peers
from tests.support.data import payload
from tests.support.waiting import PATIENCE_S

PAGE = (Path(__file__).parents[2] / "streams" / "steps" / "WIRE.md").read_text()
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FUNCTION = "warehouse.reserve"
TOPIC = own_step_topic(FUNCTION)
INSTANCE = "cd" * 16
SETTINGS = Settings()
NUMBER = partition_of(INSTANCE, SETTINGS.partitions)


def test_worker_of_the_page_imports_nothing_of_ours() -> None:
    imported = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(PROGRAM))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not imported & {"streams", "schemas", "connectors", "models", "infra"}


@contextmanager
def worker(kafka: str, registry: str, folder: Path) -> Iterator[None]:
    (folder / "worker.py").write_text(PROGRAM)
    environ = {**os.environ, "KAFKA": kafka, "REGISTRY": registry}
    process = subprocess.Popen([sys.executable, "worker.py"], cwd=folder, env=environ)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def command(number: int, url: str, function: str = FUNCTION) -> dict[str, Any]:
    return {
        "instance_id": INSTANCE, "pointer": f"/do/{number}/x", "iteration": 0, "attempt": 0, "function": function,
        "arguments": payload({"warehouse": url}), "workflow": "w", "version": "1", "digest": "d",
    }  # fmt: skip


def publish(kafka: str, codec: Codec, *messages: tuple[str, Mapping[str, Any]]) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    for name, message in messages:
        producer.produce(TOPIC.name, codec.encode(name, message), INSTANCE.encode(), NUMBER)
    producer.flush(PATIENCE_S)


def results(kafka: str, codec: Codec, count: int) -> list[dict[str, Any]]:
    """The first results of the instance on the inbox."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(INBOX.name, NUMBER, 0)])
    found: list[dict[str, Any]] = []
    while len(found) < count:
        record = consumer.poll(60)
        assert record is not None and record.error() is None, f"only {len(found)} of {count} results came"
        if record.key() == INSTANCE.encode():
            found.append(codec.decode(record.value() or b"")[1])
    consumer.close()
    return found


@pytest.mark.broker
@pytest.mark.slow
async def test_worker_of_the_page_holds_the_contract(kafka: str, registry: str, tmp_path: Path) -> None:
    settings = Settings(bootstrap=kafka, registry_url=registry)
    codec = await Codec.with_registry(registry)
    await provision(settings, (INBOX, TOPIC, OWN_FUNCTIONS))
    async with (
        peers.peer(peers.never_answers, peers.answers(peers.OK)) as warehouse,
        peers.peer(peers.answers(peers.OK)) as other,
        peers.peer(peers.status(500)) as broken,
    ):
        first, second = command(0, warehouse.url), command(1, other.url)
        publish(kafka, codec, (STEP_COMMAND, first))
        with worker(kafka, registry, tmp_path):
            await warehouse.asked.wait()  # and killed while the warehouse is at it
        publish(kafka, codec, (CANCEL_STEP, {**address(command(9, "")), "reason": "cancelled"}))
        publish(kafka, codec, (STEP_COMMAND, second), (STEP_COMMAND, second))
        publish(kafka, codec, (STEP_COMMAND, command(2, broken.url)), (STEP_COMMAND, command(3, "", "other.function")))
        with worker(kafka, registry, tmp_path):
            found = await asyncio.to_thread(results, kafka, codec, 5)
            own = KafkaOwnFunctions(settings, codec)
            assert await own.hosted([FUNCTION]) == {FUNCTION}
            assert (await own.announced())[FUNCTION].effect is EffectClass.IDEMPOTENT
        keys = [warehouse.header("Idempotency-Key", index) for index in range(warehouse.count)]
        assert keys == [step_id(INSTANCE, "/do/0/x", 0, 0)] * 2
        assert {other.header("Idempotency-Key", index) for index in range(other.count)} == {
            step_id(INSTANCE, "/do/1/x", 0, 0)
        }
    by_pointer = {each["pointer"]: each for each in found}
    assert [each["pointer"] for each in found] == [f"/do/{number}/x" for number in (0, 1, 1, 2, 3)]
    assert found[1] == found[2]
    assert by_pointer["/do/0/x"]["output"].value() == {"status": 200}
    failed, foreign = by_pointer["/do/2/x"]["error"], by_pointer["/do/3/x"]["error"]
    assert (failed["reason"], failed["effect"]) == (Reason.STEP_FAILED, Effect.UNKNOWN)
    assert (foreign["reason"], foreign["effect"]) == (Reason.UNSUPPORTED, Effect.NONE)

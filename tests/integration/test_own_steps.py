"""`exlify worker --steps` on a real broker: killed with -9 while its steps are under way, and with a file of faults."""

from __future__ import annotations

import asyncio
import os
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
from schemas.messages import STEP_COMMAND
from schemas.reasons import Reason
from streams.definitions.own import KafkaOwnFunctions
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import OWN_DEAD_LETTERS, own_step_topic
from streams.processors.orchestrate import INBOX
from streams.runtime import groups
from streams.runtime.parking import PARKING
from tests.support import peers
from tests.support.data import payload
from tests.support.waiting import PATIENCE_S

STEPS = """
from urllib.request import Request, urlopen

from streams.steps import Context, step


def send(url: str, key: str) -> str:
    with urlopen(Request(url, method="POST", headers={"Idempotency-Key": key})) as reply:
        return str(reply.status)


@step("ledger.book")
def book(url: str, told: Context) -> str:
    return send(url, told.key)


@step("ledger.put", effect="keyed")
def put(url: str, told: Context) -> str:
    return send(url, told.key)


@step("ledger.sum", effect="pure")
def add(numbers: list[int]) -> int:
    return sum(numbers)
"""
VERSION = """
from streams.steps import step


@step("reloaded.version", effect="read")
def version() -> int:
    return {}
"""
DEADLY = """
import os

from streams.steps import step


@step("deadly.either", effect="idempotent")
def either(dies: bool) -> str:
    if dies:
        os._exit(3)
    return "well"
"""
INSTANCE = "a0" * 16  # of partition 0, which every topic has, whoever has made it
PARTITIONS = Settings().partitions
NUMBER = partition_of(INSTANCE, PARTITIONS)
FUNCTIONS = ("ledger.book", "ledger.put", "ledger.sum")


@contextmanager
def worker(kafka: str, folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    settings = {
        "EXLIFY_BOOTSTRAP": kafka,
        "EXLIFY_REGISTRY_URL": "none",
        "EXLIFY_DATA_DIR": str(folder),
        "EXLIFY_SESSION_TIMEOUT_MS": "6000",
    }
    command = [sys.executable, "-m", "streams.cli", "worker", "--steps", str(folder / "steps.py"), *options]
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stderr=subprocess.PIPE if "--reload" in options else None, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def command(function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "instance_id": INSTANCE, "pointer": f"/do/0/{function}", "iteration": 0, "attempt": 0, "function": function,
        "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d",
    }  # fmt: skip


def publish(kafka: str, *commands: Mapping[str, Any]) -> None:
    producer, codec = Producer({"bootstrap.servers": kafka}), Codec.offline()
    for each in commands:
        topic = own_step_topic(each["function"]).name
        producer.produce(topic, codec.encode(STEP_COMMAND, each), INSTANCE.encode(), NUMBER)
    producer.flush(PATIENCE_S)


def results(kafka: str, count: int, pointer: str = "") -> dict[str, dict[str, Any]]:
    """The results or dead letters of the first `count` functions, or that of one task."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(each.name, NUMBER, 0) for each in (INBOX, OWN_DEAD_LETTERS)])
    codec = Codec.offline()
    found: dict[str, dict[str, Any]] = {}
    while len(found) < count:
        record = consumer.poll(120)
        assert record is not None and record.error() is None, f"only {len(found)} of {count} results came"
        if record.key() != INSTANCE.encode():
            continue  # of another test on the same broker
        _, data = codec.decode(record.value() or b"")
        if data["pointer"] == pointer or (not pointer and "ledger" in data["pointer"]):
            found[data["pointer"].rpartition("/")[2]] = data
    consumer.close()
    return found


@pytest.mark.broker
@pytest.mark.slow
async def test_killed_worker_repeats_only_what_may_be_repeated(kafka: str, tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    settings = Settings(bootstrap=kafka, partitions=PARTITIONS)
    await provision(settings, (INBOX, PARKING, OWN_DEAD_LETTERS, *map(own_step_topic, FUNCTIONS)))
    silent_then_well = (peers.never_answers, peers.answers(peers.OK))
    async with peers.peer(*silent_then_well) as blind, peers.peer(*silent_then_well) as keyed:
        publish(kafka, command("ledger.book", {"url": blind.url}), command("ledger.put", {"url": keyed.url}))
        own = KafkaOwnFunctions(settings, Codec.offline())
        assert await own.waiting(FUNCTIONS) == {"ledger.book": 1, "ledger.put": 1, "ledger.sum": 0}
        with worker(kafka, tmp_path):
            await asyncio.gather(blind.asked.wait(), keyed.asked.wait())
            assert {"ledger.book", "ledger.put"} <= await own.hosted([*FUNCTIONS, "nobody.here"])
            assert (await own.announced())["ledger.put"].effect is EffectClass.KEYED
            assert await groups.standing(settings, ["nobody.here"]) == {"nobody.here": {}}
            stands = (await groups.standing(settings, ["ledger.put", "nobody.here"]))["ledger.put"]
            assert sum(at.end - at.read for at in stands.values()) == 1, "it is at work on its command"
        publish(kafka, command("ledger.sum", {"numbers": [1, 2, 3]}))
        with worker(kafka, tmp_path):
            found = await asyncio.to_thread(results, kafka, 3)
        assert blind.count == 1
        key = step_id(INSTANCE, "/do/0/ledger.put", 0, 0)
        assert [keyed.header("Idempotency-Key", index) for index in (0, 1)] == [key] * 2
    assert found["ledger.book"]["error"]["reason"] == Reason.OUTCOME_UNKNOWN
    assert found["ledger.put"]["status"] == "completed"
    assert found["ledger.sum"]["output"].value() == 6


@pytest.mark.broker
@pytest.mark.slow
async def test_changed_file_is_taken_over_and_a_faulty_one_is_not(kafka: str, tmp_path: Path) -> None:
    file = tmp_path / "steps.py"
    file.write_text(VERSION.format(1))
    name = "reloaded.version"
    topics = (INBOX, PARKING, OWN_DEAD_LETTERS, own_step_topic(name))
    await provision(Settings(bootstrap=kafka, partitions=PARTITIONS), topics)
    with worker(kafka, tmp_path, "--reload") as running:

        async def answered(number: int) -> Any:
            asked = {**command(name, {}), "pointer": f"/do/{number}/{name}", "iteration": number}
            publish(kafka, asked)
            return (await asyncio.to_thread(results, kafka, 1, asked["pointer"]))[name]["output"].value()

        assert await answered(1) == 1
        file.write_text("def broken(:")
        await asyncio.to_thread(told, running, "The old steps stay")
        assert await answered(2) == 1
        file.write_text(VERSION.format(2))
        await asyncio.to_thread(told, running, "steps changed")
        assert await answered(3) == 2
        running.terminate()
        assert await asyncio.to_thread(running.wait, 60) == 0


@pytest.mark.broker
@pytest.mark.slow
async def test_step_that_ends_its_worker_again_and_again_is_answered_and_the_others_go_on(
    kafka: str, tmp_path: Path
) -> None:
    (tmp_path / "steps.py").write_text(DEADLY)
    name = "deadly.either"
    topics = (INBOX, PARKING, OWN_DEAD_LETTERS, own_step_topic(name))
    await provision(Settings(bootstrap=kafka, partitions=PARTITIONS), topics)
    asked = [
        {**command(name, {"dies": dies}), "pointer": f"/do/{number}/{name}"}
        for number, dies in enumerate((True, False))
    ]
    publish(kafka, *asked)
    reading = asyncio.create_task(asyncio.to_thread(results, kafka, 1, asked[0]["pointer"]))
    while not reading.done():  # as a supervisor starts it again
        with worker(kafka, tmp_path) as running:
            ended = asyncio.create_task(asyncio.to_thread(running.wait))
            await asyncio.wait([ended, reading], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                other = await asyncio.to_thread(results, kafka, 1, asked[1]["pointer"])
                running.kill()
            await ended
    error = reading.result()[name]["error"]
    assert (error["reason"], other[name]["output"].value()) == (Reason.PLATFORM_FAULT, "well")


def told(running: subprocess.Popen[str], line: str) -> None:
    """Returns once the worker has said so."""
    assert running.stderr is not None
    while line not in (said := running.stderr.readline()):
        assert said, "the worker has ended"

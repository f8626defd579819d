"""A topic that was made anew while its readers were away: what comes on it then is read, told and handled."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.codec import Codec
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.runtime import metrics
from streams.runtime.crash import CrashPoint
from streams.runtime.declaration import Declaration
from streams.runtime.host import Host
from streams.runtime.processor import Effects, FastProcessor, Message, Row, StateView
from streams.runtime.settings import RuntimeSettings
from tests.support.topics import made_anew
from tests.support.waiting import PATIENCE_S, until


class Noting(FastProcessor):
    """Keeps the last value of each key with its offset, and drops what is not newer, as orchestrate does."""

    framed = False

    def __init__(self, name: str) -> None:
        self.topic = Topic(name=f"{name}.in", messages=(), keyed=Keyed.CAUSE)
        self.declaration = Declaration(name=name, summary="", worker="", make="", reads=(self.topic,), table="t")
        self.taken: list[bytes] = []

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        effects = Effects([], {})
        for record in (message.record for message in batch):
            key, value = record.key or b"", record.value or b""
            row = effects.changes[key] if key in effects.changes else state.get(key)
            if row is None or record.offset > self.read_up_to(row):
                effects.changes[key] = Row(b"%d:%s" % (record.offset, value))
                self.taken.append(value)
        return effects

    def read_up_to(self, row: Row) -> int:
        return int(row.value.partition(b":")[0])

    def reread(self, row: Row) -> Row:
        return Row(b"-1:" + row.value.partition(b":")[2], row.due_ms)


@asynccontextmanager
async def hosted(processor: Noting, settings: Settings, folder: Path) -> AsyncIterator[Host]:
    host = Host(processor, settings, Codec.offline(), folder, CrashPoint())
    await host.start()
    try:
        await until(lambda: host.ready)
        yield host
    finally:
        await host.stop()


@pytest.mark.broker
@pytest.mark.parametrize("came", [[b"4", b"5"], [b"4", b"5", b"6", b"7", b"8"]], ids=["shorter", "longer"])
async def test_records_of_a_topic_made_anew_are_taken(kafka: str, tmp_path: Path, came: list[bytes]) -> None:
    name = f"anew-{uuid.uuid4().hex[:8]}"
    quick = RuntimeSettings(session_timeout_ms=6_000, commit_interval_ms=100)
    settings = Settings(bootstrap=kafka, partitions=1).with_(quick)
    first, second = Noting(name), Noting(name)
    await provision(settings, first.declaration.topics(settings))
    publish(kafka, first.topic.name, [b"1", b"2", b"3"])
    async with hosted(first, settings, tmp_path):
        await until(lambda: len(first.taken) == 3)
    await made_anew(settings, first.topic)
    publish(kafka, first.topic.name, came, b"another")
    before = told(name, first.topic)
    async with hosted(second, settings, tmp_path):
        await until(lambda: len(second.taken) == len(came))
    assert second.taken == came
    assert told(name, first.topic) == before + 1


@pytest.mark.broker
async def test_what_was_read_is_not_read_again(kafka: str, tmp_path: Path) -> None:
    name = f"whole-{uuid.uuid4().hex[:8]}"
    quick = RuntimeSettings(session_timeout_ms=6_000, commit_interval_ms=100)
    settings = Settings(bootstrap=kafka, partitions=2).with_(quick)
    first, second = Noting(name), Noting(name)
    await provision(settings, first.declaration.topics(settings))
    publish(kafka, first.topic.name, [b"1", b"2", b"3"])
    async with hosted(first, settings, tmp_path):
        await until(lambda: len(first.taken) == 3)
    publish(kafka, first.topic.name, [b"4"], b"another")
    async with hosted(second, settings, tmp_path):
        await until(lambda: len(second.taken) == 1)
    assert second.taken == [b"4"] and told(name, first.topic) == 0


def told(processor: str, topic: Topic) -> float:
    return float(metrics.SHORTENED.labels(processor, topic.name)._value.get())


def publish(kafka: str, topic: str, values: Sequence[bytes], key: bytes = b"k") -> None:
    producer = Producer({"bootstrap.servers": kafka})
    for value in values:
        producer.produce(topic, value, key, 0)
    assert producer.flush(PATIENCE_S) == 0

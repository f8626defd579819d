"""The runtime's writer on a real broker."""

from __future__ import annotations

import asyncio
import time

import pytest

from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import Keyed, Topic
from streams.runtime.processor import Output
from streams.runtime.writer import Writer
from tests.crash.logs import Log

SENDERS = 1_000


@pytest.mark.broker
async def test_crowd_of_senders_gets_its_turns(kafka: str) -> None:
    settings = Settings(bootstrap=kafka, partitions=1)
    topic = Topic(name=f"crowd-{time.time_ns()}", messages=(), keyed=Keyed.CAUSE)
    await provision(settings, [topic])
    writer = Writer(settings, "crowd")
    await writer.start()
    try:
        records = [Output(topic, None, str(number).encode()) for number in range(SENDERS)]
        await asyncio.gather(*(writer.send([record], 0) for record in records))
    finally:
        await writer.stop()
    log = Log(kafka, "crowd")
    found = await asyncio.to_thread(log.read, topic.name, 1)
    log.close()
    assert [record.value for record in found] == [record.value for record in records]

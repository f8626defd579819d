"""Inputs that appear while a worker runs: a business topic that is made later is read from its beginning."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from schemas.ids import instance_id
from schemas.messages import START_INSTANCE
from streams.definitions.deploy import described
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors.intake import IntakeSettings, business_topic
from streams.processors.intake.processor import Intake
from streams.processors.orchestrate import INBOX
from streams.runtime.crash import CrashPoint
from streams.runtime.host import Host
from streams.runtime.settings import RuntimeSettings
from tests.crash.logs import Log
from tests.support.contexts import context
from tests.support.definitions import empty_book, load
from tests.support.waiting import PATIENCE_S, until

YAML = """
document: {dsl: 1.0.3, namespace: test, name: late, version: 1.0.0}
schedule: {on: {one: {with: {type: com.example.late.v1}}}}
do: [{note: {set: {seen: true}}}]
"""


@pytest.mark.broker
async def test_topic_that_appears_later_is_read(kafka: str, tmp_path: Path) -> None:
    family = uuid.uuid4().hex
    plain = Settings(bootstrap=kafka, group_prefix=family)
    settings = plain.with_(RuntimeSettings(session_timeout_ms=6_000), IntakeSettings(topics=f"{family}.*"))
    codec, book = Codec.offline(), empty_book()
    book.learn(described(load(YAML), YAML, "test", 0))
    processor = Intake(context(codec, settings, book))
    await provision(settings, processor.declaration.topics(settings))
    async with AsyncExitStack() as held:
        host = Host(processor, settings, codec, tmp_path, CrashPoint())
        await host.start()
        held.push_async_callback(host.stop)
        await until(lambda: host.ready)
        topic = business_topic(f"{family}.orders.v1")
        await provision(settings, [topic])
        publisher = await held.enter_async_context(Publisher(settings))
        await publisher.publish([event(codec, topic.name)])
        wanted = instance_id("late", topic.name, "1")
        async with asyncio.timeout(PATIENCE_S):
            while wanted not in await started(kafka, codec):
                await asyncio.sleep(0.1)


def event(codec: Codec, topic: str) -> Outgoing:
    attributes = {"specversion": "1.0", "id": "1", "source": topic, "type": "com.example.late.v1"}
    encoded = EventTypes.load().encode_event(codec, CloudEvent(attributes, {"n": 1}))
    return Outgoing(business_topic(topic), encoded.key, encoded.value, encoded.headers)


async def started(kafka: str, codec: Codec) -> list[str]:
    log = Log(kafka, "following")
    try:
        records = await asyncio.to_thread(log.read, INBOX.name, Settings().partitions)
    finally:
        log.close()
    decoded = [codec.decode(record.value or b"") for record in records]
    return [data["instance_id"] for name, data in decoded if name == START_INSTANCE and data["workflow"] == "late"]

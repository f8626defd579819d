"""Messages of a queue become events, by processes that are killed in the middle: every one, and none under two ids."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import aiormq
import pytest
from pamqp.commands import Basic

from schemas.business import EventTypes
from streams.definitions import DEFINITIONS
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors.intake import business_topic
from tests.crash.inflow import seen, started
from tests.support.rabbitmq import RabbitMq

TYPE = "com.example.crash-messages.v1"
TOPIC = business_topic(EventTypes.load().of(TYPE).topic)
COUNT = 10_000
PATIENCE_S = 300.0  # a bound on hanging, not a measure
MESSAGES = "orders: {connection: partner, from: %s, type: com.example.crash-messages.v1, batch: 50}\n"


@pytest.mark.crash
@pytest.mark.broker
async def test_messages_are_taken_through_kills(kafka: str, rabbitmq: RabbitMq, tmp_path: Path) -> None:
    settings = Settings(bootstrap=kafka, site_dir=tmp_path, data_dir=tmp_path / "data")
    await provision(settings, [TOPIC, DEFINITIONS])
    queue = f"q-{uuid.uuid4().hex}"
    (tmp_path / "messages.yaml").write_text(MESSAGES % queue)
    (tmp_path / "url").write_text(rabbitmq.url)
    (tmp_path / "connections.yaml").write_text("partner: ${file:url}\n")
    async with aiormq.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        await channel.queue_declare(queue, durable=True)
        for first in range(0, COUNT, 500):
            bodies = [json.dumps({"n": number}).encode() for number in range(first, first + 500)]
            await asyncio.gather(
                *(channel.basic_publish(each, routing_key=queue, properties=_properties()) for each in bodies)
            )
    processes = [started("messages", kafka, tmp_path) for _ in range(2)]
    try:
        for left in (COUNT * 3 // 4, COUNT // 2, COUNT // 4):
            await _until(rabbitmq, queue, left, processes, tmp_path / "messages.log")
            killed = processes.pop(0)
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            processes.append(started("messages", kafka, tmp_path))
        await _until(rabbitmq, queue, 0, processes, tmp_path / "messages.log")
        deadline = time.monotonic() + PATIENCE_S
        while len(every := _ids(kafka, settings)) < COUNT:
            assert time.monotonic() < deadline, f"{COUNT - len(every)} messages are lost"
    finally:
        for each in processes:
            each.terminate()
            each.wait()
    assert len(_ids(kafka, settings)) == COUNT, "each message is an event, under one id"


def _ids(kafka: str, settings: Settings) -> set[str]:
    return {id_ for source, id_ in seen(kafka, TOPIC, settings.partitions) if source == "/messages/orders"}


async def _until(
    server: RabbitMq, queue: str, most: int, processes: Sequence[subprocess.Popen[bytes]], log: Path
) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while await _left(server, queue) > most:
        assert not [each for each in processes if each.poll() is not None], _last(log)
        assert time.monotonic() < deadline, "the messages are not taken"


def _properties() -> Basic.Properties:
    return Basic.Properties(content_type="application/json", delivery_mode=2)  # the client gives each an id


def _last(log: Path) -> str:
    return log.read_text()[-2_000:]


async def _left(server: RabbitMq, queue: str) -> int:
    async with aiormq.connect(server.url) as connection:
        channel = await connection.channel()
        return (await channel.queue_declare(queue, passive=True)).message_count or 0

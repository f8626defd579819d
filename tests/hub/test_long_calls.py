"""A call that takes longer than a worker may stand still, as its connection says: nobody ends the worker for it while
it is within its time, and its watchdog does beyond."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.codec import Codec
from schemas.ids import partition_of
from schemas.messages import STEP_COMMAND
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.processors import call, recover
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import PARKING
from streams.runtime.watchdog import EXIT_STALLED
from tests.support.data import payload
from tests.support.hosted import PARTITIONS, begun, worker
from tests.support.waiting import PATIENCE_S

LINES = tuple({*call.DECLARATION.topics(Settings()), *recover.DECLARATION.topics(Settings()), PARKING, call.PAUSES})
STALL_S = 4
TAKES_S = 3 * STALL_S

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.crash]


async def slow(_: web.Request) -> web.Response:
    """Answers long after a worker is taken for dead."""
    await asyncio.sleep(TAKES_S)
    return web.json_response({"late": True})


async def system() -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_get("/", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def asked(kafka: str, folder: Path, url: str, timeout: str) -> tuple[str, dict[str, str]]:
    """An instance that asks, and what workers are started with."""
    instance = uuid.uuid4().hex
    (folder / "connections.yaml").write_text(f"slow: {{url: '{url}', timeout: {timeout}}}\n")
    await provision(Settings(bootstrap=kafka, partitions=PARTITIONS), LINES)
    step = {"instance_id": instance, "pointer": "/do/0/ask", "iteration": 0, "attempt": 0}
    arguments = payload({"method": "GET", "endpoint": "connection://slow/"})
    rest = {"function": "http", "arguments": arguments, "workflow": "w", "version": "1", "digest": "d"}
    value = Codec.offline().encode(STEP_COMMAND, {**step, **rest, "effect": None})
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(call.DECLARATION.commands.name, value, instance.encode(), partition_of(instance, PARTITIONS))
    assert producer.flush(PATIENCE_S) == 0
    return instance, {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_STALL_TIMEOUT_MS": str(STALL_S * 1_000)}


def result(kafka: str, instance: str) -> Mapping[str, Any]:
    """The first that the inbox has of it."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reader"})
    consumer.assign([TopicPartition(INBOX.name, partition_of(instance, PARTITIONS), 0)])
    deadline = time.monotonic() + PATIENCE_S
    try:
        while True:
            assert time.monotonic() < deadline
            record = consumer.poll(1)
            if record is not None and record.error() is None and record.key() == instance.encode():
                return Codec.offline().decode(record.value() or b"")[1]
    finally:
        consumer.close()


async def test_a_call_within_its_time_is_waited_for(kafka: str, tmp_path: Path) -> None:
    runner, url = await system()
    try:
        instance, environ = await asked(kafka, tmp_path, url, "2m")
        with worker(kafka, tmp_path / "data", **environ) as process:
            found = await asyncio.to_thread(result, kafka, instance)
            assert process.poll() is None
    finally:
        await runner.cleanup()
    assert (found["status"], found["output"].value()) == ("completed", {"late": True})


async def test_a_call_that_hangs_beyond_its_time_ends_the_worker(kafka: str, tmp_path: Path) -> None:
    runner, url = await system()
    try:
        _, environ = await asked(kafka, tmp_path, url, f"{TAKES_S + 5}s")
        began = time.monotonic()
        with begun(kafka, tmp_path / "data", "-m", "tests.hub.hanging", **environ) as process:
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == EXIT_STALLED
        assert time.monotonic() - began > TAKES_S + 5
    finally:
        await runner.cleanup()

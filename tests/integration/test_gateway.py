"""The gateway and the commands that speak Kafka, against a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from schemas import ids
from schemas.codec import Codec
from schemas.ids import Key
from schemas.messages import INSTANCE_OUTCOME
from streams import catalogue
from streams.catalogue import FUNCTIONS
from streams.cli import group
from streams.definitions import outcome_topic
from streams.engine import Outcome
from streams.gateway.server import make_app, opened
from streams.ground.errors import ExlifyError
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publisher
from streams.ground.publish_settings import PublishSettings
from streams.ground.settings import Settings
from streams.processors.intake import backlog, typed_topics
from streams.processors.orchestrate import INBOX, outcome
from tests.support.data import payload
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.broker

YAML = """
document: {{dsl: 1.0.3, namespace: test, name: {name}, version: 1.0.0}}
schedule:
  on: {{one: {{with: {{type: com.example.{name}}}}}}}
do:
  - note: {{set: {{seen: true}}}}
"""


@pytest.fixture
async def settings(kafka: str, tmp_path: Path) -> Settings:
    plain = Settings(bootstrap=kafka, registry_url="none", data_dir=tmp_path)
    settings = plain.with_(PublishSettings(timeout_ms=5_000))
    await provision(settings, catalogue.topics(settings))
    return settings


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[TestClient[Any, Any]]:
    async with opened(settings, FUNCTIONS) as services, TestClient(TestServer(make_app(services))) as client:
        yield client


@pytest.fixture
def workflow() -> str:
    return f"w{uuid.uuid4().hex[:8]}"


async def exlify(settings: Settings, *arguments: str, stdin: str | None = None) -> str:
    """Standard output of a command; its expected error is raised."""
    environ = {"EXLIFY_BOOTSTRAP": settings.bootstrap, "EXLIFY_REGISTRY_URL": "none", "EXLIFY_PARTITIONS": "3"}
    result = await asyncio.to_thread(CliRunner(env=environ).invoke, group, arguments, stdin)
    if result.exception is not None:
        raise result.exception
    return result.stdout


async def test_deployed_workflow_names_the_instances_it_will_start(
    gateway: TestClient[Any, Any], workflow: str
) -> None:
    yaml = YAML.format(name=workflow)
    async with gateway.post("/v1/definitions", data=yaml, headers={"Content-Type": "application/yaml"}) as response:
        assert response.status == 201
    event = {"specversion": "1.0", "id": "1", "source": "/t", "type": f"com.example.{workflow}", "data": {}}
    headers = {"Content-Type": "application/cloudevents+json"}
    async with gateway.post("/v1/events", json=event, headers=headers) as response:
        accepted = (await response.json())["accepted"][0]
    instance = {"workflow": workflow, "instance_id": ids.instance_id(workflow, "/t", "1")}
    assert (response.status, accepted["instances"]) == (202, [instance])


async def test_broker_that_is_away_is_told_in_time(settings: Settings) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/t", "type": "com.example.x", "data": {}}
    headers = {"Content-Type": "application/cloudevents+json"}
    async with (
        opened(settings, FUNCTIONS) as services,
        Publisher(replace(settings, bootstrap="127.0.0.1:1").with_(PublishSettings(timeout_ms=300))) as away,
        TestClient(TestServer(make_app(replace(services, publisher=away)))) as client,
        client.post("/v1/events", json=event, headers=headers) as response,
    ):
        assert (response.status, "Retry-After" in response.headers) == (503, True)


async def kept(settings: Settings) -> int:
    """Records on the topic of events without a schema of their own."""
    listed = json.loads(await exlify(settings, "topics", "--json"))
    return next(int(each["records"]) for each in listed if each["topic"] == "business.event.generic.v1")


def numbered(count: int) -> str:
    return "".join(json.dumps({"n": number}) + "\n" for number in range(count))


async def test_published_file_stands_on_its_topic(settings: Settings) -> None:
    before = await kept(settings)
    told = json.loads(
        await exlify(
            settings, "publish", "com.example.n.v1", "--file", "-", "--id-from", "/n", "--json", "--allow-unmatched",
            stdin=numbered(1_200),
        )
    )  # fmt: skip
    assert (told["published"], told["unmatched"], await kept(settings) - before) == (1_200, 1_200, 1_200)


async def test_event_that_nobody_waits_for_is_refused_with_what_may_be_meant(
    gateway: TestClient[Any, Any], settings: Settings, workflow: str
) -> None:
    yaml = YAML.format(name=workflow)
    async with gateway.post("/v1/definitions", data=yaml, headers={"Content-Type": "application/yaml"}) as response:
        assert response.status == 201
    before = await kept(settings)
    with pytest.raises(ExlifyError, match=f"Did you mean com.example.{workflow}\\?"):
        await exlify(settings, "publish", f"com.example.{workflow}s", "--data", "{}")
    assert await kept(settings) == before
    told = await exlify(
        settings,
        "publish",
        f"com.example.{workflow}",
        "--file",
        "-",
        "--id-from",
        "/n",
        stdin=numbered(2) + numbered(1),
    )
    assert f"2 instances of {workflow} start" in told and "3 events published" in told


async def test_interrupted_publishing_says_how_far_it_came(settings: Settings) -> None:
    before = await kept(settings)
    environ = {"EXLIFY_BOOTSTRAP": settings.bootstrap, "EXLIFY_REGISTRY_URL": "none", "EXLIFY_PARTITIONS": "3"}
    publishing = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streams.cli", "publish", "com.example.n.v1", "--file", "-", "--allow-unmatched",
        stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ | environ,
    )  # fmt: skip
    assert publishing.stdin is not None and publishing.stderr is not None
    publishing.stdin.write(numbered(1_000).encode())
    while await kept(settings) - before < 1_000:
        assert publishing.returncode is None
    publishing.send_signal(signal.SIGINT)
    told = (await publishing.stderr.read()).decode()
    assert await publishing.wait() == 130
    assert "interrupted: 1000 events published and acknowledged, up to <stdin>:1000. Go on with" in told


async def test_publishing_waits_while_too_much_stands_before_the_engine(settings: Settings) -> None:
    prefix = f"p{uuid.uuid4().hex[:8]}"  # of a system whose workers are away
    environ = {
        "EXLIFY_BOOTSTRAP": settings.bootstrap, "EXLIFY_REGISTRY_URL": "none", "EXLIFY_PARTITIONS": "3",
        "EXLIFY_GROUP_PREFIX": prefix, "EXLIFY_MAX_BACKLOG": "500",
    }  # fmt: skip
    publishing = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streams.cli", "publish", "com.example.n.v1", "--file", "-", "--allow-unmatched",
        stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ | environ,
    )  # fmt: skip
    assert publishing.stdin is not None and publishing.stderr is not None
    publishing.stdin.write(numbered(600).encode())
    publishing.stdin.close()
    told = await asyncio.wait_for(publishing.stderr.readline(), PATIENCE_S)
    assert b"records wait before intake, and 500 may (EXLIFY_MAX_BACKLOG)" in told
    assert publishing.returncode is None
    theirs = replace(settings, group_prefix=prefix)
    await asyncio.to_thread(read_all, theirs)
    assert backlog.measured(theirs) == {"intake": 0, "orchestrate": 0}
    assert await asyncio.wait_for(publishing.wait(), PATIENCE_S) == 0


def read_all(settings: Settings) -> None:
    """As if intake and the engine had taken all that is there."""
    for processor, topics in (("intake", [each.name for each in typed_topics()]), ("orchestrate", [INBOX.name])):
        consumer = Consumer(
            {"bootstrap.servers": settings.bootstrap, "group.id": f"{settings.group_prefix}-{processor}"}
        )
        for topic in topics:
            places = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
            ends = [consumer.get_watermark_offsets(place)[1] for place in places]
            read = [TopicPartition(topic, each.partition, end) for each, end in zip(places, ends, strict=True)]
            consumer.commit(offsets=read, asynchronous=False)
        consumer.close()


async def test_outcome_that_stands_twice_is_shown_once(settings: Settings, workflow: str) -> None:
    await provision(settings, [outcome_topic(workflow)])
    async with Publisher(settings) as publisher:
        ended = [record(workflow, number) for number in (1, 2, 1)]
        await publisher.publish(ended)
    lines = (await exlify(settings, "outcomes", workflow, "--json")).splitlines()
    assert sorted(json.loads(line)["business_key"] for line in lines) == ["A-1", "A-2"]
    assert "A-2" in await exlify(settings, "outcomes", workflow)


async def test_outcomes_of_no_workflow_are_an_error(settings: Settings) -> None:
    with pytest.raises(ExlifyError, match="no such workflow"):
        await exlify(settings, "outcomes", "nobody")


async def test_topics_shows_what_is_missing(settings: Settings) -> None:
    assert INBOX.name in await exlify(settings, "topics")


def record(workflow: str, number: int) -> Outgoing:
    """An outcome as the engine's loop writes it."""
    ended = Outcome(
        instance_id=f"{number:032x}",
        workflow=workflow,
        version="1.0.0",
        digest="d" * 64,
        status="completed",
        output=payload({"ok": True}),
        error=None,
        business_key=Key(f"A-{number}"),
        source="/t",
        event_id=Key(str(number)),
        started_at_ms=1_790_000_000_000,
        ended_at_ms=1_790_000_000_001,
    )
    made = outcome.output(Codec.offline(), ended)
    assert made.key and made.value and Codec.offline().decode(made.value)[0] == INSTANCE_OUTCOME
    return Outgoing(made.topic, made.key, made.value, made.headers)

"""Instances that wait, for people or for time, survive a restart."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas import ids
from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from streams.catalogue import FUNCTIONS
from streams.definitions import outcome_topic
from streams.definitions.deploy import deploy
from streams.ground.kafka import client_config
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors.intake import business_topic
from streams.processors.orchestrate import HISTORY
from tests.bench import parked
from tests.bench.stack import stack
from tests.support.figures import Report
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
PARKED = 2_000  # `make parked` measures fifty times as many
SLEEPERS = 200
NAP_MS = 12_000
SLEEPER = """
document: { dsl: 1.0.3, namespace: acceptance, name: sleeper, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.sleeper.v1 } } } }
do:
  - nap: { wait: { seconds: 12 } }
"""


@pytest.fixture(autouse=True)
def short_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group notices sooner that somebody was killed; how soon is not what is tried here."""
    monkeypatch.setenv("EXLIFY_SESSION_TIMEOUT_MS", "2000")


def test_parked_instances_go_on_after_every_kind_of_restart(report: Report) -> None:
    figures = parked.measure(PARKED, rests=False)
    report(**figures)
    assert figures["parked.answered"] == parked.ANSWERED


def test_timers_fire_after_a_restart(report: Report) -> None:
    with stack(parked.WORKERS) as running:
        running.stop()
        asyncio.run(_deploy(running.settings))  # before intake reads: it does not keep events that start nothing
        running.start()
        asyncio.run(_put_to_sleep(running.settings))
        _read(running.settings, HISTORY.name, SLEEPERS)
        running.kill()
        fired = _length(running.settings, outcome_topic("sleeper").name)
        running.start()
        outcomes = _read(running.settings, outcome_topic("sleeper").name, SLEEPERS)
    naps_ms = [outcome["ended_at_ms"] - outcome["started_at_ms"] for outcome in outcomes.values()]
    report(shortest_ms=min(naps_ms), longest_ms=max(naps_ms))
    assert not fired, "the timers had fired before the restart"
    assert {outcome["status"] for outcome in outcomes.values()} == {"completed"}
    assert min(naps_ms) >= NAP_MS


async def _deploy(settings: Settings) -> None:
    async with Publisher(settings) as publisher:
        await deploy(publisher, Codec.offline(), settings, SLEEPER, FUNCTIONS, by="acceptance")


async def _put_to_sleep(settings: Settings) -> None:
    codec, types = Codec.offline(), EventTypes.load()
    events = [types.encode_event(codec, CloudEvent(_attributes(number), {})) for number in range(SLEEPERS)]
    async with Publisher(settings) as publisher:
        await publisher.publish(
            Outgoing(business_topic(each.topic), each.key, each.value, each.headers) for each in events
        )


def _attributes(number: int) -> dict[str, str]:
    return {"specversion": "1.0", "id": f"nap-{number}", "source": "acceptance", "type": "acceptance.sleeper.v1"}


def _read(settings: Settings, topic: str, count: int) -> dict[str, dict[str, Any]]:
    """The first record of each sleeper on a topic, once there are `count` of them."""
    codec = Codec.offline()
    wanted = {ids.instance_id("sleeper", "acceptance", f"nap-{number}") for number in range(SLEEPERS)}
    consumer = Consumer(client_config(settings) | {"group.id": "sleepers", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(settings.partitions)])
    found: dict[str, dict[str, Any]] = {}
    began = time.monotonic()
    while len(found) < count:
        for record in consumer.consume(500, timeout=0.2):
            _, data = codec.decode(record.value() or b"")
            if data["instance_id"] in wanted:
                found.setdefault(data["instance_id"], data)
        assert time.monotonic() - began < PATIENCE_S, f"{topic}: {len(found)} of {count}"
    consumer.close()
    return found


def _length(settings: Settings, topic: str) -> int:
    """How many records a topic holds now."""
    consumer = Consumer(client_config(settings) | {"group.id": "sleepers"})
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, number))[1] for number in range(settings.partitions)]
    consumer.close()
    return sum(ends)

"""Readiness on a real broker: what a worker would write to has to take it, and a broker that is away is named."""

from __future__ import annotations

import uuid

import pytest

from streams.ground.causes import Cause
from streams.ground.probes import kafka_probe
from streams.ground.provision import provision
from streams.ground.settings import Settings
from streams.ground.topic import Topic


def topic(**config: str) -> Topic:
    return Topic(name=f"test.ready.{uuid.uuid4().hex}.v1", messages=(), config=config)


@pytest.mark.broker
async def test_topics_that_take_no_record_are_named(kafka: str) -> None:
    settings = Settings(bootstrap=kafka, partitions=2)
    good, short = topic(), topic(**{"min.insync.replicas": "2"})
    await provision(settings, [good, short])
    assert await kafka_probe(settings, [good.name]).causes() == []
    (cause,) = await kafka_probe(settings, [good.name, short.name]).causes()
    assert cause == Cause("kafka", f"has too few replicas in sync to take records for {short.name}")
    (cause,) = await kafka_probe(settings, ["no.such.topic.v1"]).causes()
    assert cause.reason == "has no topic no.such.topic.v1"


async def test_broker_that_is_away_is_named() -> None:
    (cause,) = await kafka_probe(Settings(bootstrap="127.0.0.1:1"), ["any"]).causes()
    assert (cause.part, cause.degraded) == ("kafka", False)
    assert cause.reason.startswith("does not answer")

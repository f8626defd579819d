"""Typed outcomes on a real Kafka, with and without a registry: deployed, written, read by who knew nothing of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.ids import Key
from streams import catalogue, engine
from streams.cli import group
from streams.definitions import DEFINITIONS, outcome_topic
from streams.definitions.deploy import deploy
from streams.definitions.feed import DefinitionFeed
from streams.ground.codec import open_codec
from streams.ground.past_records import PastRecords
from streams.ground.publish import Outgoing, Publisher
from streams.ground.settings import Settings
from streams.processors.orchestrate.outcome import output
from tests.support.data import payload
from tests.support.topics import made_anew

pytestmark = [pytest.mark.broker]
YAML = """
document: {dsl: 1.0.3, namespace: test, name: NAME, version: 1.0.0}
output:
  schema:
    format: json
    document:
      type: object
      required: [total]
      properties: {total: {type: integer}, by-whom: {type: string}}
do:
  - note: {set: {total: 3, by-whom: Kim}}
"""
OUTPUTS = [{"total": 3, "by-whom": "Kim"}, {"total": 4}, {"total": 2**63}]


@pytest.mark.parametrize("has_registry", [True, False])
async def test_typed_outcomes_are_read_by_who_follows_definitions_and_by_the_command_line(
    kafka: str, registry: str, tmp_path: Path, has_registry: bool
) -> None:
    name = f"typed-{has_registry}".lower()
    settings = Settings(bootstrap=kafka, registry_url=registry if has_registry else "none", data_dir=tmp_path)
    await made_anew(settings, DEFINITIONS)  # with or without a registry, nobody reads what the other has written
    codec, reader = await open_codec(settings), await open_codec(settings)
    feed = DefinitionFeed(settings, codec, catalogue.FUNCTIONS)
    late = DefinitionFeed(settings, reader, catalogue.FUNCTIONS)
    await late.start()
    try:
        async with Publisher(settings) as publisher:
            yaml = YAML.replace("NAME", name)
            graph = await deploy(publisher, codec, settings, yaml, catalogue.FUNCTIONS, by="test")
            await feed.start()
            typed = feed.outcome_type(graph.digest)
            assert typed is not None and (typed.id < 1_000_000 if has_registry else typed.id >= 2_100_000_000)
            records = [output(codec, _ended(name, graph.digest, number), typed) for number in range(len(OUTPUTS))]
            await publisher.publish(
                Outgoing(each.topic, each.key or b"", each.value or b"", each.headers) for each in records
            )
        values = await asyncio.to_thread(_values, settings, name)
        names = sorted([(await reader.decode_learning(value))[0] for value in values])
        assert names == ["exlify.InstanceOutcome", *[f"exlify.outcome.{name.replace('-', '_')}.Outcome"] * 2]
    finally:
        await feed.close()
        await late.close()
    told = await asyncio.to_thread(_told, settings, name)
    assert sorted(told, key=lambda each: each["total"]) == OUTPUTS


def _ended(workflow: str, digest: str, number: int) -> engine.Outcome:
    return engine.Outcome(
        instance_id=f"{number:032x}", workflow=workflow, version="1.0.0", digest=digest, status="completed",
        output=payload(OUTPUTS[number]), error=None, business_key=None, source="/test", event_id=Key(str(number)),
        started_at_ms=1, ended_at_ms=2,
    )  # fmt: skip


def _values(settings: Settings, workflow: str) -> list[bytes]:
    reader = PastRecords(settings)
    topic = outcome_topic(workflow).name
    try:
        held = [(number, *place) for number, place in reader.held(topic).items() if place[0] < place[1]]
        return [each.value or b"" for place in held for each in reader.read(topic, *place, 9)]
    finally:
        reader.close()


def _told(settings: Settings, workflow: str) -> list[dict[str, Any]]:
    environ = {"EXLIFY_BOOTSTRAP": settings.bootstrap, "EXLIFY_REGISTRY_URL": settings.registry_url}
    done = CliRunner(env=environ).invoke(group, ["outcomes", workflow, "--json"])
    assert done.exit_code == 0, done.output
    return [json.loads(line)["output"] for line in done.stdout.splitlines()]

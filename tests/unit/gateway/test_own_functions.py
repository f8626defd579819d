"""Own functions at the gateway: definitions are checked against what was announced, and nobody waits unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from schemas.messages import HISTORY_ENTRY
from streams import processors
from streams.definitions.deploy import described
from streams.gateway.metrics import UNHOSTED, UNHOSTED_PROCESSORS
from streams.gateway.own import count_unhosted, look_for_hosts
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from streams.language import UNNAMED, load
from streams.language.constructs.call import Call
from streams.steps import step
from tests.support.gateways import NOW_S, AsyncGateway, Gateway, OwnOnes
from tests.support.stories import Story

YAML_TYPE = {"Content-Type": "application/yaml"}
YAML = """
document: {dsl: 1.0.3, namespace: test, name: parcel, version: 1.0.0}
do:
  - quote: {call: shipping.quote, with: {weight: 2}}
"""
LETTER = """
document: {dsl: 1.0.3, namespace: test, name: letter, version: 1.0.0}
do:
  - letter: {call: onboarding.letter, with: {given_name: Ada, account: '4711'}}
"""


@step("shipping.quote", effect="pure")
def quote(weight: float) -> float:
    """Says what it costs."""
    return weight


@pytest.fixture
async def own() -> OwnOnes:
    return OwnOnes({"shipping.quote": quote.function})


@pytest.fixture
async def gateway(tmp_path: Path, own: OwnOnes) -> AsyncIterator[Gateway]:
    async with AsyncGateway(Settings(data_dir=tmp_path, partitions=3), own=own) as running:
        yield running


@pytest.fixture
async def provisioned(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    made: list[str] = []

    async def provision(settings: Settings, wanted: Iterable[Topic]) -> None:
        made.extend(topic.name for topic in wanted)

    monkeypatch.setattr("streams.definitions.deploy.provision", provision)
    yield made


async def deploy(gateway: Gateway, yaml: str) -> tuple[int, Any]:
    return await gateway.ask("POST", "/v1/definitions", data=yaml, headers=YAML_TYPE)


async def test_definition_that_calls_an_announced_function_is_deployed(
    gateway: Gateway, provisioned: list[str]
) -> None:
    status, answer = await deploy(gateway, YAML)
    assert (status, answer["name"]) == (201, "parcel")
    assert provisioned == ["engine.outcome.parcel.v1", "step.command.shipping.quote.v1"]


async def test_definition_that_calls_what_nobody_has_announced_is_refused(
    gateway: Gateway, own: OwnOnes, provisioned: list[str]
) -> None:
    own.functions.clear()
    status, problem = await deploy(gateway, YAML)
    assert (status, provisioned) == (422, [])
    assert "there is no function `shipping.quote`" in problem["faults"][0]["message"]


async def test_definition_is_held_to_the_announced_types(gateway: Gateway, provisioned: list[str]) -> None:
    status, problem = await deploy(gateway, YAML.replace("weight: 2", "weight: heavy"))
    assert (status, problem["faults"][0]["code"]) == (422, "type")


async def test_definition_stays_usable_where_its_function_is_not_announced(gateway: Gateway) -> None:
    graph = load(YAML, UNNAMED, {"shipping.quote": quote.function})
    deployed = gateway.services.definitions.learn(described(graph, YAML, "test", NOW_S * 1000))
    assert deployed.graph is not None, deployed.fault
    (known,), (assumed,) = ([each for each in one.tasks if isinstance(each, Call)] for one in (graph, deployed.graph))
    assert known.arguments.evaluate({}, {}) == assumed.arguments.evaluate({}, {}) == {"weight": 2}


@pytest.mark.parametrize("members", [set(), {"shipping.quote"}])
async def test_functions_are_listed_hosted_or_not(gateway: Gateway, own: OwnOnes, members: set[str]) -> None:
    own.members = members
    _, listed = await gateway.ask("GET", "/v1/functions")
    (found,) = [each for each in listed["functions"] if each["name"] == "shipping.quote"]
    assert (found["hosted"], found["carried_out_by"]) == (bool(members), "shipping.quote")
    _, shown = await gateway.ask("GET", "/v1/functions/shipping.quote")
    assert shown["schema"]["properties"]["weight"]["type"] == "number"


@pytest.mark.parametrize("members", [set(), {"onboarding.letter"}])
async def test_instance_says_for_whom_it_waits_and_whether_they_are_there(
    gateway: Gateway, own: OwnOnes, members: set[str]
) -> None:
    own.members = members
    told = Story(LETTER)
    gateway.services.definitions.learn(told.definition)
    for entry in told.start({}):
        gateway.see(HISTORY_ENTRY, entry)
    _, found = await gateway.ask("GET", f"/v1/instances/{told.instance_id}")
    (wait,) = found["waits_for"]
    assert (wait["function"], wait["hosted"]) == ("onboarding.letter", bool(members))


async def test_commands_that_nobody_takes_are_counted(gateway: Gateway, own: OwnOnes) -> None:
    graph = load(YAML, UNNAMED, {"shipping.quote": quote.function})
    gateway.services.definitions.learn(described(graph, YAML, "test", NOW_S * 1000))
    own.commands = {"shipping.quote": 3}
    await count_unhosted(own, gateway.services.definitions)
    assert waiting() == {"shipping.quote": 3}
    own.members = {"shipping.quote"}
    await count_unhosted(own, gateway.services.definitions)
    assert waiting() == {}


async def test_processors_without_a_host_are_named_until_they_have_one(own: OwnOnes) -> None:
    own.members = {each.name for each in processors.ALL} - {"decide"}
    await look_for_hosts(own)
    (family,) = UNHOSTED_PROCESSORS.collect()
    assert [(sample.labels["processor"], sample.value) for sample in family.samples] == [("decide", 1)]
    own.members |= {"decide"}
    await look_for_hosts(own)
    (family,) = UNHOSTED_PROCESSORS.collect()
    assert family.samples == []


def waiting() -> dict[str, float]:
    (family,) = UNHOSTED.collect()
    return {sample.labels["function"]: sample.value for sample in family.samples}

"""`exlify incidents`, `retry`, `skip` and `fail`, with a gateway and the real engine behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from streams.ground.errors import UsageError
from tests.support.command_line import Cli, beside
from tests.support.journeys import Journey, settings_in, travelling

ORDER = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}
do:
  - book: {call: http, with: {method: post, endpoint: {uri: connection://erp/orders}, body: '${ . }'}}
  - note: {set: '${ {booked: .id} }'}
"""
FIXED = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.1'}
do:
  - book: {set: {id: 3}}
  - note: {set: '${ {booked: .id} }'}
"""


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with travelling(settings_in(tmp_path)) as started:
        yield started


@pytest.fixture
def cli(journey: Journey, tmp_path: Path) -> Cli:
    return beside(journey.gateway, tmp_path)


async def stopped(journey: Journey, count: int) -> list[str]:
    graph = journey.deploy(ORDER)
    instances = [journey.start(graph, str(number), {"id": number}) for number in range(count)]
    for instance in instances:
        await journey.status(instance, "incident")
    return instances


async def test_incidents_are_listed_and_shown(journey: Journey, cli: Cli) -> None:
    (instance,) = await stopped(journey, 1)
    listed = await cli("incidents")
    assert "/do/0/book" in listed.output and "MISCONFIGURED" in listed.output
    incident = json.loads((await cli("incidents", "list", "--json")).output)["incidents"][0]["incident_id"]
    shown = await cli("incidents", "show", incident)
    assert incident.startswith(instance) and "connections.yaml" in shown.output


async def test_one_instance_is_retried_by_itself(journey: Journey, cli: Cli) -> None:
    (instance,) = await stopped(journey, 1)
    result = await cli("retry", instance)
    assert (result.exit_code, "retried" in result.output) == (0, True)
    result = await cli("skip", instance, "--output", '{"id": 5}', "--task", "/do/0/book")
    assert result.exit_code == 0
    assert (await journey.outcome(instance))["output"] == {"booked": 5}
    assert isinstance((await cli("retry", instance)).exception, UsageError)


async def test_many_are_retried_once_each_and_told_one_by_one(journey: Journey, cli: Cli) -> None:
    instances = await stopped(journey, 3)
    meant = await cli("retry", "--workflow", "order", "--dry-run")
    assert all(instance in meant.output for instance in instances)
    assert "3 incidents are meant; nothing was done" in meant.output
    result = await cli("retry", "--workflow", "order", "--why", "it is back", "--rate", "500", "--json")
    told = [json.loads(line) for line in result.output.splitlines()]
    assert [each["result"] for each in told] == ["retried"] * 3
    for instance in instances:  # each failed again, and was not retried a second time
        await journey.status(instance, "incident")
        _, found = await journey.gateway.ask("GET", f"/v1/incidents?instance_id={instance}")
        assert sorted(each["status"] for each in found["incidents"]) == ["open", "retried"]


async def test_a_corrected_definition_mends_all(journey: Journey, cli: Cli) -> None:
    instances = await stopped(journey, 2)
    journey.deploy(FIXED)
    result = await cli("retry", "--error", "MISCONFIGURED", "--definition", "1.0.1", "--why", "corrected")
    assert result.exit_code == 0 and "2 retried" in result.output
    assert [(await journey.outcome(each))["status"] for each in instances] == ["completed"] * 2


async def test_what_is_refused_is_told_and_shown_by_the_exit_code(journey: Journey, cli: Cli) -> None:
    await stopped(journey, 1)
    journey.deploy(FIXED.replace("- book:", "- enter:"))
    result = await cli("retry", "--workflow", "order", "--definition", "latest", "--why", "corrected")
    assert result.exit_code == 1 and "refused" in result.output and "/do/0/book" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry",),
        ("retry", "--workflow", "order"),
        ("retry", "--workflow", "order", "--why", "x", "--set", "{}"),
        ("retry", "a" * 32, "--set", "[1]"),
        ("skip", "a" * 32, "--output", "{"),
        ("fail", "a" * 32, "--workflow", "order"),
    ],
)
async def test_what_cannot_be_meant_is_a_fault_of_use(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert isinstance((await cli(*arguments)).exception, UsageError)


async def test_step_that_waits_for_its_next_try_is_listed_and_need_not_wait(journey: Journey, cli: Cli) -> None:
    waits = "{retries: 5, backoff: constant, delay: {hours: 2}, jitter: none}"
    asked = "{call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/x'}, metadata: {recovery: " + waits + "}}"
    instance = journey.start(journey.deploy(f"{ORDER.partition('do:')[0]}do:\n  - ask: {asked}\n"))
    await journey.seen(lambda: bool(journey.gateway.services.reader.retrying([instance])))
    listed = await cli("list", "--retrying")
    assert instance in listed.output and "5 of 5 tries left" in listed.output and "UNREACHED" in listed.output
    assert "retrying" in (await cli("show", instance)).output
    refused = await cli("retry", "--now", "--owner", "desk", "--why", "is up")
    assert isinstance(refused.exception, UsageError) and "--owner" in str(refused.exception)
    hurried = await cli("retry", instance, "--now", "--why", "is up")
    assert (hurried.exit_code, "/do/0/ask  retry 1  begun" in hurried.output) == (0, True)
    await journey.seen(lambda: [each["retry"] for each in journey.gateway.services.reader.retrying([instance])] == [2])
    assert "4 of 5 tries left" in (await cli("list", "--retrying")).output


CALLS = """
document: {{dsl: '1.0.3', namespace: tests, name: {name}, version: '1.0.0'}}
do:
  - ask:
      call: http
      with: {{method: post, endpoint: 'connection://{first}/x'}}
      metadata:
        recovery:
          retries: {retries}
          delay: {{hours: 2}}
          jitter: none
          fallback: [{{call: http, with: {{method: post, endpoint: 'connection://{then}/x'}}, retries: 0}}]
"""


@pytest.fixture
def calls(journey: Journey) -> Callable[..., Coroutine[Any, Any, str]]:
    """Connections of a site where nothing listens; gives an instance that calls two of them, one after the other."""
    site = journey.gateway.services.settings.site_dir
    (site / "connections.yaml").write_text("".join(f"{name}: http://127.0.0.1:1\n" for name in ("erp", "crm", "till")))
    journey.site.look()
    journey.site.look()

    async def started(name: str, first: str, then: str, retries: int) -> str:
        instance = journey.start(journey.deploy(CALLS.format(name=name, first=first, then=then, retries=retries)))
        await journey.seen(
            lambda: (
                bool(journey.gateway.services.reader.retrying([instance]))
                or bool(journey.gateway.services.reader.open_incidents([instance]))
            )
        )
        return instance

    return started


async def test_incidents_are_found_by_the_connection_that_their_step_names(
    journey: Journey, cli: Cli, calls: Callable[..., Coroutine[Any, Any, str]]
) -> None:
    one, two = await calls("one", "erp", "till", 0), await calls("two", "crm", "till", 0)
    for connection, meant in (("ERP", {one}), ("crm", {two}), ("till", {one, two})):
        listed = json.loads((await cli("incidents", "list", "--connection", connection, "--json")).output)
        assert {each["instance_id"] for each in listed["incidents"]} == meant
        listed = json.loads((await cli("list", "--connection", connection, "--json")).output)
        assert {each["instance_id"] for each in listed["instances"]} == meant
    result = await cli("retry", "--connection", "erp", "--why", "it is well again", "--json")
    assert [json.loads(line)["result"] for line in result.output.splitlines()] == ["retried"]
    result = await cli("skip", "--connection", "crm", "--output", "1", "--why", "not needed")
    assert (result.exit_code, (await journey.outcome(two))["output"]) == (0, 1)
    await journey.status(one, "incident")
    result = await cli("fail", "--connection", "till", "--why", "given up")
    assert (result.exit_code, (await journey.outcome(one))["status"]) == (0, "faulted")


async def test_connection_that_no_definition_names_is_told(
    cli: Cli, calls: Callable[..., Coroutine[Any, Any, str]]
) -> None:
    await calls("one", "erp", "till", 0)
    for command in (["list"], ["list", "--retrying"], ["incidents", "list"], ["retry", "--now", "--why", "x"]):
        refused = await cli(*command, "--connection", "erq")
        assert isinstance(refused.exception, UsageError) and "erp, till" in str(refused.exception)


async def test_many_that_wait_for_their_next_try_need_not_wait(
    journey: Journey, cli: Cli, calls: Callable[..., Coroutine[Any, Any, str]]
) -> None:
    one, two = await calls("one", "erp", "till", 5), await calls("two", "crm", "till", 5)
    reader = journey.gateway.services.reader

    def tries() -> list[int]:
        return [each["retry"] for instance in (one, two) for each in reader.retrying([instance])]

    listed = json.loads((await cli("list", "--retrying", "--connection", "crm", "--json")).output)["instances"]
    assert [(each["instance_id"], each["retrying"][0]["connections"]) for each in listed] == [(two, ["crm", "till"])]
    meant = await cli("retry", "--now", "--connection", "crm", "--dry-run")
    assert two in meant.output and "1 step is meant; nothing was done" in meant.output
    for nobody in (["--error", "NOT_FOUND"], ["--workflow", "one", "--connection", "crm"], ["--key", "K-2"]):
        assert "0 steps are meant" in (await cli("retry", "--now", *nobody, "--dry-run")).output
    assert tries() == [1, 1]
    assert isinstance((await cli("retry", "--now", "--connection", "crm")).exception, UsageError)
    hurried = await cli("retry", "--now", "--connection", "crm", "--error", "UNREACHED", "--why", "is up", "--json")
    assert (hurried.exit_code, [json.loads(line)["result"] for line in hurried.output.splitlines()]) == (0, ["begun"])
    await journey.seen(lambda: tries() == [1, 2])
    hurried = await cli("retry", "--now", "--connection", "till", "--rate", "500", "--why", "is up")
    assert (hurried.exit_code, "2 begun" in hurried.output) == (0, True)
    await journey.seen(lambda: tries() == [2, 3])
    path, wish = f"/v1/instances/{one}/retry-now", {"why": "is up", "connection": "crm"}
    assert (await journey.gateway.ask("POST", path, json=wish))[0] == 409

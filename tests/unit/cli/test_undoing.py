"""`exlify cancel` and `fail` with `--undo/--no-undo`, and what `show` says of undoing, with the real engine behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import group
from tests.support.journeys import Journey, settings_in, travelling

Cli = Callable[..., Coroutine[Any, Any, Result]]
ORDER = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}
do:
  - tell:
      emit: {event: {with: {type: tests.told.v1, data: '${ . }'}}}
      metadata: {compensate: {emit: {event: {with: {type: tests.taken-back.v1, data: '${ {of: .output.id} }'}}}}}
  - book: {call: http, with: {method: get, endpoint: {uri: connection://erp/orders}}}
"""


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with travelling(settings_in(tmp_path), hosted=("orchestrate", "call", "emit", "recover")) as started:
        yield started


@pytest.fixture
def cli(journey: Journey, tmp_path: Path) -> Cli:
    environ = {"EXLIFY_GATEWAY_URL": str(journey.gateway.client.make_url("")), "EXLIFY_DATA_DIR": str(tmp_path)}

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner(env=environ).invoke, group, arguments)

    return run


async def stopped(journey: Journey, count: int) -> list[str]:
    graph = journey.deploy(ORDER)
    instances = [journey.start(graph, str(number), {}) for number in range(count)]
    for each in instances:
        await journey.status(each, "incident")
    return instances


@pytest.mark.parametrize("verb", ["cancel", "fail"])
async def test_many_are_given_up_and_undone(journey: Journey, cli: Cli, verb: str) -> None:
    instances = await stopped(journey, 2)
    assert "undo      if it is cancelled or failed: /do/0/tell" in (await cli("show", instances[0])).output
    assert (await cli(verb, "--workflow", "order", "--why", "not wanted")).exit_code == 0
    for each in instances:
        assert (await journey.outcome(each))["undone"] == ["/do/0/tell"]
    assert "task.undone        /do/0/tell" in (await cli("show", instances[0])).output


@pytest.mark.parametrize("verb", ["cancel", "fail"])
async def test_what_was_done_stands_if_somebody_says_so(journey: Journey, cli: Cli, verb: str) -> None:
    (instance,) = await stopped(journey, 1)
    assert (await cli(verb, instance, "--why", "seen to by hand", "--no-undo")).exit_code == 0
    outcome = await journey.outcome(instance)
    assert (outcome["undone"], outcome["standing"]) == (None, ["/do/0/tell"])

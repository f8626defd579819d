"""`exlify cancel` and `fail` with `--undo/--no-undo`, and what `show` says of undoing, with the real engine behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.command_line import Cli, beside
from tests.support.journeys import UNDOING, Journey, undoing


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with undoing(tmp_path) as started:
        yield started


@pytest.fixture
def cli(journey: Journey, tmp_path: Path) -> Cli:
    return beside(journey.gateway, tmp_path)


async def stopped(journey: Journey, count: int) -> list[str]:
    graph = journey.deploy(UNDOING)
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

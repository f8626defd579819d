"""`exlify suspend`, `resume`, `move`, `rerun` and `cancel`, one by one and by filter, with the real engine behind."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.ground.errors import UsageError
from tests.support.command_line import Cli, beside
from tests.support.journeys import Journey, settings_in, travelling

ORDER = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}
do:
  - ask: {call: human, with: {team: t, title: x, outcomes: [ok]}}
"""


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with travelling(settings_in(tmp_path)) as started:
        yield started


@pytest.fixture
def cli(journey: Journey, tmp_path: Path) -> Cli:
    return beside(journey.gateway, tmp_path)


async def asked(journey: Journey, count: int) -> list[str]:
    graph = journey.deploy(ORDER)
    instances = [journey.start(graph, str(number)) for number in range(count)]
    for each in instances:
        await journey.status(each, "waiting")
    return instances


async def test_what_began_by_the_brokers_clock_is_meant_where_this_one_is_behind(
    journey: Journey, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(journey, 2)
    now_s = time.time
    monkeypatch.setattr(time, "time", lambda: now_s() - 30)
    meant = await cli("suspend", "--workflow", "order", "--dry-run")
    assert "2 instances are meant; nothing was done" in meant.output


async def test_many_are_suspended_moved_and_resumed_and_told_one_by_one(journey: Journey, cli: Cli) -> None:
    instances = await asked(journey, 2)
    meant = await cli("suspend", "--workflow", "order", "--dry-run")
    assert "2 instances are meant; nothing was done" in meant.output and all(each in meant.output for each in instances)
    done = await cli("suspend", "--workflow", "order", "--why", "wrong", "--rate", "500", "--json")
    assert [json.loads(line)["result"] for line in done.output.splitlines()] == ["suspended"] * 2
    assert "order" in (await cli("list", "--status", "suspended")).output
    journey.deploy(ORDER.replace("1.0.0", "1.1.0"))
    moved = await cli("move", "--version", "1.0.0", "--to", "latest", "--why", "mended")
    assert (moved.exit_code, "2 moved" in moved.output) == (0, True)
    again = await cli("resume", "--status", "suspended", "--workflow", "order", "--why", "right")
    assert (again.exit_code, "2 resumed" in again.output) == (0, True)
    for each in instances:
        assert await journey.status(each, "waiting", "suspended") == "waiting"


async def test_what_is_refused_is_told_and_shown_by_the_exit_code(journey: Journey, cli: Cli) -> None:
    (instance,) = await asked(journey, 1)
    assert isinstance((await cli("resume", instance, "--why", "x")).exception, UsageError)
    several = await cli("resume", "--workflow", "order", "--why", "x")
    assert several.exit_code == 1 and "not suspended" in several.output


async def test_case_is_run_once_more_and_instances_are_cancelled_by_filter(journey: Journey, cli: Cli) -> None:
    (instance,) = await asked(journey, 1)
    started = json.loads((await cli("rerun", instance, "--why", "again", "--json")).output)["started"]
    await journey.status(started, "waiting")
    ended = await cli("cancel", "--workflow", "order", "--why", "too old")
    assert ended.exit_code == 0
    for each in (instance, started):
        assert (await journey.outcome(each))["status"] == "cancelled"


async def test_wish_that_says_too_little_is_refused(cli: Cli) -> None:
    for arguments in (
        ("suspend",),
        ("suspend", "ab", "--workflow", "order", "--why", "x"),
        ("suspend", "--workflow", "order"),
        ("move", "ab", "--to", "latest", "--why", "x", "--place", "/do/0/a"),
        ("rerun", "ab", "--from", "ask", "--why", "x"),
        ("rerun", "--workflow", "order", "--input", "1", "--why", "x"),
    ):
        assert isinstance((await cli(*arguments)).exception, UsageError)

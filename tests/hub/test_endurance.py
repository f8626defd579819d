"""Every connector, many calls long: nothing is left over of a call, and no line of the log knows a secret."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.hub.contract import HubCall, Plan
from connectors.hub.identity import Bearer, Identity
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.reasons import Effect
from tests.support.between import Send, stand_between
from tests.support.connector_cases import Case
from tests.support.connector_peers import DRIVEN, Driven

AT_ONCE = 8
FEW, MANY = 200, 10_000
TASKS_EACH = 8  # at most, of a connection; how many of those are kept, or still end, differs. A call each is far more
SPARE_FILES = 4  # kept connections are closed when they like
SPARE_BYTES = 24 * 1024 * 1024
CALM = CallLimits(try_timeout_s=60.0, total_timeout_s=120.0, concurrency=AT_ONCE)
ONE = CallLimits(try_timeout_s=60.0, total_timeout_s=120.0, concurrency=1)
SECRET = "t0p-s3cret"

counted = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.crash)])
every_system = pytest.mark.parametrize(
    "driven",
    [pytest.param(each, marks=pytest.mark.crash) if each.stands_in else each for each in DRIVEN],
    ids=lambda each: each.name,
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What peers log of each line is kept by whoever captures it, and is nothing that a connector holds."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    yield
    logging.getLogger("mail.log").setLevel(logging.NOTSET)


@asynccontextmanager
async def opened(
    driven: Driven, request: pytest.FixtureRequest, folder: Path, limits: CallLimits = CALM
) -> AsyncIterator[tuple[Hub, Case]]:
    async with driven.opened(request, folder) as case, driven.hub(case, limits) as hub:
        yield hub, case


async def make(hub: Hub, calls: list[HubCall], count: int) -> None:
    """So many calls, in turns of all that there are."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            outcome = await hub.carry_out(dataclasses.replace(calls[number % len(calls)], key=f"k{number}"))
            assert outcome.ok, outcome

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def held() -> tuple[int, int, int]:
    """Open files and sockets, tasks, and the most memory that there has been."""
    gc.collect()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), most


@counted
@every_system
async def test_nothing_is_left_of_calls(
    driven: Driven, count: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with opened(driven, request, tmp_path) as (hub, case):
        calls = [call for of_one in case.calls.values() for call in of_one]
        calls = [
            call for call in calls if [await hub.carry_out(call), await hub.carry_out(call)][1].ok
        ]  # moves go once
        assert calls
        await make(hub, calls, max(count // 10, 5 * AT_ONCE))
        files, tasks, most = held()
        await make(hub, calls, count)
        now = held()
        assert now[0] <= files + AT_ONCE + SPARE_FILES
        assert now[1] <= tasks + AT_ONCE * TASKS_EACH
        assert now[2] <= most + SPARE_BYTES
        assert all(state == "closed" for state in hub.breakers().values())


@counted
@every_system
async def test_nothing_is_left_of_calls_that_fail(
    driven: Driven, count: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """At a system that is away: each is refused, soon without being tried, and nothing has happened."""
    async with opened(driven, request, tmp_path) as (hub, case):
        files, tasks, most = held()
        for _ in range(count // 10):
            outcome = await hub.carry_out(case.hopeless)
            assert not outcome.ok and outcome.effect is Effect.NONE
            if any(state != "closed" for state in hub.breakers().values()):
                break
        now = held()
        assert now[0] <= files + SPARE_FILES and now[1] <= tasks + SPARE_FILES and now[2] <= most + SPARE_BYTES


@every_system
async def test_calls_of_one_system_wait_for_their_turn(
    driven: Driven, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    under_way: list[int] = [0, 0]

    async def counted_in(_: Plan[Any], send: Send) -> CallOutcome:
        under_way[0] += 1
        under_way[1] = max(under_way)
        try:
            return await send()
        finally:
            under_way[0] -= 1

    async with opened(driven, request, tmp_path, ONE) as (hub, case):
        stand_between(hub, counted_in)
        calls = [call for of_one in case.calls.values() for call in of_one]
        calls = [dataclasses.replace(call, key=f"k{number}") for number, call in enumerate(calls * 3)]
        outcomes = await asyncio.gather(*(hub.carry_out(call) for call in calls))
    assert under_way[1] == 1
    assert [each for each in outcomes if each.ok]


@every_system
async def test_no_line_of_the_log_and_no_outcome_knows_a_secret(
    driven: Driven, request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it lets us in or not."""
    caplog.set_level(logging.DEBUG)
    outcomes = []
    async with driven.opened(request, tmp_path) as case:
        calls = [call for of_one in case.calls.values() for call in of_one]
        for hub in (driven.hub(case, CALM), driven.hub(case, CALM, _with_password(case.connections["here"]))):
            async with hub:
                outcomes += [await hub.carry_out(call) for call in calls]
        if driven.name == "http":
            case.identity_of = lambda _: Identity(Bearer(SECRET))
            async with driven.hub(case, CALM) as hub:
                outcomes += [await hub.carry_out(call) for call in calls]
    assert [each for each in outcomes if each.ok]
    for secret in (SECRET, *case.secrets):
        assert secret not in caplog.text and secret not in repr(outcomes)


def _with_password(url: str) -> str:
    """As somebody whom the system need not know."""
    parts = urlsplit(url)
    if not parts.hostname:
        return url
    return parts._replace(netloc=f"somebody:{SECRET}@{parts.netloc.rpartition('@')[2]}").geturl()

"""Every connector, many calls long: nothing is left over of a call, and no line of the log knows a secret."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.assembly import made
from connectors.declaration import Declaration
from connectors.hub.connections import Connections
from connectors.hub.contract import HubCall
from connectors.hub.identity import Bearer, Identity
from connectors.hub.pipeline import CallLimits, Hub
from connectors.hub.policy import Policy
from schemas.reasons import Effect
from tests.support.connector_cases import ALL, CASES, Case

AT_ONCE = 8
FEW, MANY = 200, 10_000
SPARE_FILES = 4  # kept connections are closed when they like
SPARE_BYTES = 24 * 1024 * 1024
CALM = CallLimits(try_timeout_s=60.0, total_timeout_s=120.0, concurrency=AT_ONCE)
SECRET = "t0p-s3cret"

counted = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.crash)])
every_connector = pytest.mark.parametrize("declaration", ALL, ids=lambda each: each.name)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What peers log of each line is kept by whoever captures it, and is nothing that a connector holds."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    yield
    logging.getLogger("mail.log").setLevel(logging.NOTSET)


@asynccontextmanager
async def opened(declaration: Declaration, folder: Path) -> AsyncIterator[tuple[Hub, Case]]:
    async with CASES[declaration.name](folder) as case:
        known = Connections(case.connections, case.identity_of, case.api_of)
        async with Hub({declaration: made(declaration, known, Policy())}, limits=CALM) as hub:
            yield hub, case


async def make(hub: Hub, calls: list[HubCall], count: int) -> None:
    """So many calls, in turns of all that there are."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            outcome = await hub.carry_out(calls[number % len(calls)])
            assert outcome.ok, outcome

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def held() -> tuple[int, int, int]:
    """Open files and sockets, tasks, and the most memory that there has been."""
    gc.collect()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), most


@counted
@every_connector
async def test_nothing_is_left_of_calls(declaration: Declaration, count: int, tmp_path: Path) -> None:
    async with opened(declaration, tmp_path) as (hub, case):
        calls = [call for of_one in case.calls.values() for call in of_one]
        calls = [
            call for call in calls if [await hub.carry_out(call), await hub.carry_out(call)][1].ok
        ]  # moves go once
        assert calls
        await make(hub, calls, FEW // 2)
        files, tasks, most = held()
        await make(hub, calls, count)
        now = held()
        assert now[0] <= files + AT_ONCE + SPARE_FILES
        assert now[1] <= tasks + AT_ONCE
        assert now[2] <= most + SPARE_BYTES
        assert all(state == "closed" for state in hub.breakers().values())


@counted
@every_connector
async def test_nothing_is_left_of_calls_that_fail(declaration: Declaration, count: int, tmp_path: Path) -> None:
    """At a system that is away: each is refused, soon without being tried, and nothing has happened."""
    async with opened(declaration, tmp_path) as (hub, case):
        files, tasks, most = held()
        for _ in range(count // 10):
            outcome = await hub.carry_out(case.hopeless)
            assert not outcome.ok and outcome.effect is Effect.NONE
            if any(state != "closed" for state in hub.breakers().values()):
                break
        now = held()
        assert now[0] <= files + SPARE_FILES and now[1] <= tasks + SPARE_FILES and now[2] <= most + SPARE_BYTES


async def test_no_line_of_the_log_knows_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    declaration = next(each for each in ALL if each.name == "http")
    async with CASES["http"](tmp_path) as case:
        urls = {name: url.replace("//", f"//user:{SECRET}@") for name, url in case.connections.items()}
        for known in (
            Connections(urls, api_of=case.api_of),
            Connections(case.connections, lambda _: Identity(Bearer(SECRET)), case.api_of),
        ):
            async with Hub({declaration: made(declaration, known, Policy())}, limits=CALM) as hub:
                for call in (*case.calls["http"], *case.calls["openapi"]):
                    outcome = await hub.carry_out(call)
                    assert outcome.ok and SECRET not in repr(outcome)
    assert SECRET not in caplog.text

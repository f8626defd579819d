"""Steps of a replay that are really carried out: what reads is read, and what acts acts once, after a crash too."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from schemas.payload import Payload
from streams.engine import StepCommand
from streams.ground.settings import Settings
from streams.processors.call.connections import ConnectionSettings
from streams.processors.call.pauses import Pauses
from streams.processors.replay.answers import Effects
from streams.processors.replay.really import Outside, Really
from tests.support.contexts import context
from tests.support.gateways import CODEC
from tests.support.tables import Table

ACCOUNT = {"account": {"applicationId": "A-1", "givenName": "Ada", "familyName": "Example"}}
OPEN = {"method": "post", "endpoint": "connection://erp/erp/accounts", "body": ACCOUNT}
OPEN |= {"headers": {"content-type": "application/xml"}}
LOOK = {"connection": "compliance", "statement": "SELECT count(*) AS n FROM sanctioned"}
LONG_AGO_MS = 1_600_000_000_000


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    argv = [sys.executable, "-m", "infra.sandbox", "--data", str(tmp_path_factory.mktemp("sandbox"))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture
async def outside(systems: dict[str, str], tmp_path: Path) -> AsyncIterator[Outside]:
    urls = {**systems, "exchange": f"file://{tmp_path}"}
    settings = Settings(data_dir=tmp_path, site_dir=tmp_path).with_(ConnectionSettings(urls=urls))
    opened = Outside(context(CODEC, settings), Pauses())
    await opened.open()
    yield opened
    await opened.close()


def command(function: str, arguments: dict[str, Any], instance: str) -> StepCommand:
    payload = Payload.inside(json.dumps(arguments).encode())
    return StepCommand(
        instance * 32, "/do/0/open", 0, 0, function, payload, LONG_AGO_MS + 30_000, "w", "1", "d", "keyed", None
    )


async def opened(systems: dict[str, str], instance: str) -> list[str]:
    """What the ledger says of an instance's account."""
    async with aiohttp.request("GET", f"{systems['control']}/ledger/erp") as reply:
        entries = (await reply.json())["entries"]
    return [each["result"] for each in entries if each["key"].startswith(instance * 32)]


async def test_call_is_made_with_the_key_of_the_replay_and_after_a_crash_not_again(
    systems: dict[str, str], outside: Outside
) -> None:
    table = Table()
    really, wanted = Really(outside, Effects.ON, table), command("http", OPEN, "a")
    first = await asyncio.to_thread(really, wanted, LONG_AGO_MS)
    assert first is not None and first.status == "completed"
    again = await asyncio.to_thread(Really(outside, Effects.ON, table), wanted, LONG_AGO_MS)
    assert (again, await opened(systems, "a")) == (first, ["done"])


async def test_what_only_reads_is_read_and_nothing_else_is_done(systems: dict[str, str], outside: Outside) -> None:
    table = Table()
    really = Really(outside, Effects.READ, table)
    found = await asyncio.to_thread(really, command("sql.query", LOOK, "b"), LONG_AGO_MS)
    assert found is not None and found.output is not None and found.output.value()["count"] == 1
    assert await asyncio.to_thread(really, command("http", OPEN, "b"), LONG_AGO_MS) is None
    saves = {"method": "get", "endpoint": "connection://erp/", "save": {"connection": "exchange", "file": "a"}}
    fetched = msgspec.structs.replace(command("http", saves, "b"), effect="read")
    assert await asyncio.to_thread(really, fetched, LONG_AGO_MS) is None, "a file is of today, not of the replay"
    assert (await opened(systems, "b"), table.writes) == ([], [])


async def test_own_steps_and_people_are_never_asked(outside: Outside) -> None:
    really = Really(outside, Effects.ON, Table())
    assert await asyncio.to_thread(really, command("letter.write", {}, "c"), LONG_AGO_MS) is None
    assert await asyncio.to_thread(really, command("human", {}, "c"), LONG_AGO_MS) is None

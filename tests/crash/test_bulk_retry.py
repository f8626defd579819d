"""A bulk retry on a corrected definition, killed with -9 and begun again: each step is done again once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from streams.processors.orchestrate.rows import HISTORY
from streams.readmodel.paging import every
from tests.support.journeys import PATIENCE_S, Journey, settings_in, travelling

ORDER = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}
do:
  - book: {call: http, with: {method: post, endpoint: {uri: connection://erp/orders}, body: '${ . }'}}
"""
FIXED = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.1'}
do:
  - book: {set: {id: 3}}
"""
AGAIN = ("retry", "--workflow", "order", "--definition", "latest", "--why", "typo mended")


@pytest.mark.parametrize("count", [40, pytest.param(10_000, marks=[pytest.mark.crash, pytest.mark.slow])])
async def test_bulk_retry_that_was_killed_goes_on_where_it_was(tmp_path: Path, count: int) -> None:
    async with travelling(settings_in(tmp_path)) as journey:
        graph = journey.deploy(ORDER)
        instances = [journey.start(graph, str(number), {"id": number}) for number in range(count)]
        patience_s = PATIENCE_S + count / 20
        await journey.seen(lambda: journey.gateway.services.reader.count_incidents() == count, patience_s)
        journey.deploy(FIXED)
        first = await _run(journey, tmp_path, [*AGAIN, "--rate", str(count)], kill_after=count // 4)
        assert count // 4 <= len(first) < count
        rest = await _run(journey, tmp_path, AGAIN)
        assert all(line.endswith("retried") for line in rest)
        await journey.seen(lambda: journey.gateway.services.reader.counts().get("completed") == count, patience_s)
        assert journey.gateway.services.reader.count_incidents() == 0
        assert {journey.outcomes[each]["version"] for each in instances} == {"1.0.1"}
        assert await _retries(journey) == Counter(dict.fromkeys(instances, 1))


async def _run(journey: Journey, folder: Path, arguments: Sequence[str], kill_after: int = -1) -> list[str]:
    """What the command has told, line by line; killed once it has told so many."""
    url = str(journey.gateway.client.make_url(""))
    environ = {**os.environ, "EXLIFY_GATEWAY_URL": url, "EXLIFY_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "streams.cli", *arguments)
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=pipe)
    assert process.stdout is not None
    told = []
    async for line in process.stdout:
        told.append(line.decode().rstrip())
        if len(told) == kill_after:
            process.kill()
    assert (await process.wait() == 0) is (kill_after < 0)
    return told


async def _retries(journey: Journey) -> Counter[str]:
    """How often history says of each instance that its step was done again."""
    found: Counter[str] = Counter()
    rows = await asyncio.to_thread(every, journey.gateway.services.reader.engine, HISTORY.select())
    for row in rows:
        _, entry = journey.codec.decode(row["message"])
        found[entry["instance_id"]] += sum(each["phase"] == "task.retried" for each in entry["transitions"])
    return found

"""A bulk retry on a corrected definition, and a redrive of many letters, killed with -9 and begun again: each step is
done again once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select

from streams.processors.letters.letter import UNDECIDED
from streams.processors.letters.rows import LETTERS
from streams.processors.orchestrate.rows import HISTORY
from streams.processors.view.reader import Reader
from streams.readmodel.paging import every
from tests.support.journeys import HOSTED, Journey, settings_in, travelling
from tests.support.waiting import PATIENCE_S

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
COUNTS = [40, pytest.param(10_000, marks=[pytest.mark.crash, pytest.mark.slow])]
AGAIN = ("retry", "--workflow", "order", "--definition", "latest", "--why", "typo mended")


@pytest.mark.parametrize("count", COUNTS)
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


@pytest.mark.parametrize("count", COUNTS)
async def test_redrive_of_all_letters_that_was_killed_goes_on_where_it_was(tmp_path: Path, count: int) -> None:
    asked: Counter[str | None] = Counter()

    async def answer(request: web.Request) -> web.Response:
        asked[request.headers.get("Idempotency-Key")] += 1
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/orders", answer)
    settings = settings_in(tmp_path)
    redrive = ("letters", "redrive", "--kind", "dead", "--why", "connection is set")
    async with TestServer(app) as erp, travelling(settings, [*HOSTED, "letters"]) as journey:
        reader, graph = journey.gateway.services.reader, journey.deploy(ORDER)
        instances = [journey.start(graph, str(number), {"id": number}) for number in range(count)]
        patience_s = PATIENCE_S + count / 20
        await journey.seen(lambda: _undecided(reader) == count, patience_s)
        await journey.seen(lambda: reader.count_incidents() == count, patience_s)
        (settings.site_dir / "connections.yaml").write_text(f"erp: {erp.make_url('')}\n")
        journey.site.look()
        journey.site.look()
        first = await _run(journey, tmp_path, [*redrive, "--rate", str(count // 4)], kill_after=count // 4)
        assert count // 4 <= len(first) < count
        rest = await _run(journey, tmp_path, redrive)
        assert rest and all(line.endswith("redriven") for line in rest)
        await journey.seen(lambda: reader.counts().get("completed") == count, patience_s)
        assert (_undecided(reader), reader.count_incidents()) == (0, 0)
        assert await _retries(journey) == Counter(dict.fromkeys(instances, 1))
    assert (len(asked), set(asked.values())) == (count, {1}), "each was asked for once"


def _undecided(reader: Reader) -> int:
    query = select(func.count().label("number")).select_from(LETTERS).where(LETTERS.c.status.in_(UNDECIDED))
    return int(every(reader.engine, query)[0]["number"])


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

"""Incidents of a whole site, done again in bulk on a corrected definition, while the command that asks for it and every
process of the site are killed with -9: each step goes out once, and each instance ends once.

The other file of bulk retries does without Kafka, and with more of them.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from schemas.cloudevents import CloudEvent
from schemas.messages import HISTORY_ENTRY, INSTANCE_OUTCOME
from streams.definitions import outcome_topic
from streams.processors.orchestrate import HISTORY
from tests.acceptance.site import ASK, GATEWAY, Site, working
from tests.support import brokers

pytestmark = [pytest.mark.broker, pytest.mark.crash]
COUNT = 600
WORKERS = ("engine", "steps", "view")
EVENT = "crash.bulk.v1"
DEFINITION = """
document: {{dsl: '1.0.3', namespace: crash, name: bulk, version: '{version}'}}
schedule: {{on: {{one: {{with: {{type: {event}}}}}}}}}
do:
  - book:
      call: http
      with: {{method: post, endpoint: {{uri: connection://{connection}/orders}}, body: '${{ . }}'}}
      metadata: {{effect: keyed}}
"""
AGAIN = ("retry", "--workflow", "bulk", "--definition", "latest", "--why", "name of the connection mended")


async def test_bulk_retry_goes_on_though_all_who_have_a_part_in_it_are_killed(tmp_path: Path) -> None:
    asked: Counter[str | None] = Counter()

    async def answer(request: web.Request) -> web.Response:
        asked[request.headers.get("Idempotency-Key")] += 1
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/orders", answer)
    (tmp_path / "site").mkdir()
    async with TestServer(app) as erp:
        (tmp_path / "site" / "connections.yaml").write_text(f"erp: {erp.make_url('')}\n")
        await asyncio.to_thread(_with_site, tmp_path, partial(_mended, tmp_path))
    assert len(asked) == COUNT, "a key for each, whoever was killed; a call under way then comes again with its own"


def _with_site(folder: Path, work: Any) -> None:
    """The context has a loop of its own."""
    with (
        brokers.chosen(folder / "broker").kafka() as bootstrap,
        working(bootstrap, folder, {}, (), names=(*WORKERS, GATEWAY), EXLIFY_SITE_DIR=str(folder / "site")) as site,
    ):
        asyncio.run(work(site))


async def _mended(folder: Path, site: Site) -> None:
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        await _deploy(http, version="1.0.0", connection="erq")
        attributes = {"specversion": "1.0", "source": "/crash", "type": EVENT}
        await site.publish(CloudEvent({**attributes, "id": str(number)}, {"id": number}) for number in range(COUNT))
        await site.until(lambda: _count(http, "incidents", COUNT, status="open"), "an incident for each")
        await _deploy(http, version="1.0.1", connection="erp")
        first = await _run(site, [*AGAIN, "--rate", str(COUNT // 10)], killed=True)
        await site.ready()
        await _run(site, AGAIN)
        await site.until(lambda: _count(http, "incidents", 0, status="open"), "no incident left")
        await site.until(lambda: _count(http, "instances", COUNT, status="completed"), "all of them completed")
    assert COUNT // 4 <= len(first) < COUNT
    outcomes = {each["instance_id"]: each for each in site.decoded(outcome_topic("bulk"), INSTANCE_OUTCOME)}
    assert Counter((each["status"], each["version"]) for each in outcomes.values()) == {("completed", "1.0.1"): COUNT}
    again: Counter[str] = Counter()
    for entry in {(each["instance_id"], each["seq"]): each for each in site.decoded(HISTORY, HISTORY_ENTRY)}.values():
        again[entry["instance_id"]] += sum(each["phase"] == "task.retried" for each in entry["transitions"])
    assert again == Counter(dict.fromkeys(outcomes, 1))


async def _deploy(http: ClientSession, **parts: str) -> None:
    text = DEFINITION.format(event=EVENT, **parts)
    await http.post("/v1/definitions", data=text, headers={"Content-Type": "application/yaml"})


async def _count(http: ClientSession, what: str, wanted: int, **narrowed: str) -> bool:
    """Whether a list has so many, page by page."""
    seen, cursor = 0, ""
    while seen <= wanted:
        query = {"workflow": "bulk", "limit": "500", **narrowed, **({"cursor": cursor} if cursor else {})}
        page = await (await http.get(f"/v1/{what}", params=query)).json()
        seen, cursor = seen + len(page[what]), page["next"]
        if not cursor:
            break
    return seen == wanted


async def _run(site: Site, arguments: Sequence[str], *, killed: bool = False) -> list[str]:
    """What the command tells. It may be killed in the middle and the gateway with it, and the workers before that."""
    environ = {
        **os.environ, "EXLIFY_GATEWAY_URL": site.gateway, "EXLIFY_DATA_DIR": str(site.settings.data_dir),
        "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "streams.cli", *arguments)
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=pipe)
    assert process.stdout is not None
    told = []
    async for line in process.stdout:
        told.append(line.decode().rstrip())
        if killed and len(told) == COUNT // 8:
            for name in WORKERS:
                site.kill(name)
        elif killed and len(told) == COUNT // 4:
            process.kill()
            site.kill(GATEWAY)
    code = await process.wait()
    assert code == -9 if killed else code in (0, 1), told[-3:]  # 1: some were asked for before, and are refused now
    return told

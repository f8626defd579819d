"""A read model that is lost comes back from the topics: what people have to do is never out of reach."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.acceptance.cases import made_up
from tests.acceptance.journey import deliver
from tests.acceptance.site import ASK, LOOK_S, Site
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]


async def seen(site: Site) -> dict[str, Any]:
    """Ids of all instances and tasks that the gateway knows; fewer while it cannot say."""
    async with ClientSession(site.gateway, timeout=ASK) as http:
        return {
            what: {(each[key], each["status"]) async for each in listed(http, what)}
            for what, key in (("instances", "instance_id"), ("tasks", "task_id"))
        }


async def listed(http: ClientSession, what: str) -> AsyncIterator[dict[str, Any]]:
    """Page after page."""
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        async with http.get(f"/v1/{what}", params={"limit": "500", **cursor}) as reply:
            assert reply.status in (200, 503), await reply.text()
            page = await reply.json()
        for each in page.get(what, ()):
            yield each
        cursor = {"cursor": page["next"]} if page.get("next") else None


@pytest.mark.parametrize("while_it_runs", [False, True])
async def test_removed_read_model_is_filled_again(site: Site, while_it_runs: bool) -> None:
    cases = made_up(f"lost-{while_it_runs}", 10)
    await deliver(site, cases)

    async def all_seen() -> bool:
        return len(await waiting(site, {case.instance_id for case in cases})) > 0

    await site.until(all_seen, "tasks of the applications")
    await site.quiet()
    before = await seen(site)
    assert before["tasks"]
    if not while_it_runs:
        site.workers.stop("view")
    for file in site.settings.data_dir.glob("view.sqlite*"):
        file.unlink()
    if not while_it_runs:
        site.start("view")
    else:
        await end_of_view(site)
        site.start("view")
    await site.ready("view")

    async def as_before() -> bool:
        return await seen(site) == before

    await site.until(as_before, "the same instances and tasks as before")


async def test_rebuilt_read_model_is_as_before_though_the_view_is_killed(site: Site) -> None:
    cases = made_up("rebuilt", 10)
    await deliver(site, cases)

    async def all_seen() -> bool:
        return len(await waiting(site, {case.instance_id for case in cases})) > 0

    await site.until(all_seen, "tasks of the applications")
    await site.quiet()
    before = await seen(site)
    with sqlite3.connect(site.settings.data_dir / "view.sqlite") as spoilt:
        spoilt.execute("UPDATE instances SET status = 'spoilt'")
        spoilt.execute("DELETE FROM tasks")
    rebuild = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "streams.cli",
        "view",
        "rebuild",
        "--json",
        env={**os.environ, **site.environ},
        stdout=PIPE,
    )
    await end_of_view(site)
    site.start("view")
    site.kill("view")
    await site.ready("view")
    out, _ = await rebuild.communicate()
    assert rebuild.returncode == 0 and json.loads(out)["complete"]
    assert await seen(site) == before


async def end_of_view(site: Site) -> None:
    """Returns once the view has noticed and ended; its supervisor would start it again."""
    async with asyncio.timeout(PATIENCE_S):
        while site.workers.exit_code("view") is None:
            await asyncio.sleep(LOOK_S)


async def waiting(site: Site, instances: set[str]) -> set[str]:
    """The open tasks of these."""
    found = await seen(site)
    return {task for task, status in found["tasks"] if task.partition("/")[0] in instances and status == "open"}

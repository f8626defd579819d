"""Incidents that close by themselves: once what the step lacked is there, where the definition wants it, and slowly."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streams.gateway import closing
from streams.ground.site import Site
from streams.processors.call.connections import Addresses
from streams.processors.call.pauses import Pause
from tests.support.journeys import HOSTED, Journey, settings_in, travelling

HOUR_S = 3_600
HEAD = "document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}\ndo:\n"


def ask(recovery: str) -> str:
    return (
        f"{HEAD}  - ask: {{call: http, with: {{method: get, endpoint: 'connection://erp/x'}}, "
        f"metadata: {{recovery: {recovery}}}}}\n"
    )


class Place:
    """A journey on a site that changes, hours after whatever was opened."""

    def __init__(self, journey: Journey, site: Site, later_s: list[float]) -> None:
        self.journey = journey
        self.later_s = later_s
        self._site = site

    def connect(self, url: str) -> None:
        (self.journey.gateway.services.settings.site_dir / "connections.yaml").write_text(f"erp: {url}\n")
        for site in (self._site, self.journey.site):
            site.look()
            site.look()

    async def look(self, decided: set[str] | None = None) -> set[str]:
        return await closing.look(self.journey.gateway.services, decided or set())


@asynccontextmanager
async def place(folder: Path, *more: str) -> AsyncIterator[Place]:
    settings, later_s = settings_in(folder), [float(HOUR_S)]
    site = Site(settings.site_dir, {})
    clock = lambda: time.time() + later_s[0]  # noqa: E731
    async with travelling(settings, (*HOSTED, *more), addresses=Addresses(settings, site), clock=clock) as journey:
        yield Place(journey, site, later_s)


@pytest.fixture
async def erp() -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/x", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_missing_connection_is_waited_for_and_the_step_done_again_once_it_is_there(
    tmp_path: Path, erp: str
) -> None:
    async with place(tmp_path) as here:
        instance = here.journey.start(here.journey.deploy(ask("{closes: true}")))
        await here.journey.status(instance, "incident")
        assert await here.look() == set()
        here.connect(erp)
        here.later_s[0] = 1.0
        assert await here.look() == set(), "it rests for a while first"
        here.later_s[0] = HOUR_S
        decided = await here.look()
        assert len(decided) == 1
        assert (await here.journey.outcome(instance))["status"] == "completed"
        _, found = await here.journey.gateway.ask("GET", "/v1/incidents?status=retried")
        assert [(each["actor"], each["why"]) for each in found["incidents"]] == [("exlify", "connection erp is there")]
        assert await here.look(decided) == set()


async def test_what_does_not_say_so_waits_for_people(tmp_path: Path, erp: str) -> None:
    async with place(tmp_path) as here:
        instance = here.journey.start(here.journey.deploy(ask("{retries: 1}")))
        await here.journey.status(instance, "incident")
        here.connect(erp)
        assert await here.look() == set()


async def test_system_that_is_away_is_called_again_once_it_is_not_paused(tmp_path: Path, erp: str) -> None:
    async with place(tmp_path) as here:
        here.connect("http://127.0.0.1:1")
        instance = here.journey.start(here.journey.deploy(ask("{retries: 0, closes: true}")))
        await here.journey.status(instance, "incident")
        pauses = here.journey.gateway.services.pauses
        pause = Pause(connection="erp", paused=True, until_ms=None, why="moving", actor="kim", at_ms=0)
        pauses.learn(pause)
        here.connect(erp)
        assert await here.look() == set()
        pauses.learn(msgspec.structs.replace(pause, paused=False))
        assert len(await here.look()) == 1
        assert (await here.journey.outcome(instance))["status"] == "completed"


async def test_table_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    rules = "  - judge: {call: rules, with: {table: limits}, metadata: {recovery: {closes: true}}}\n"
    async with place(tmp_path, "decide") as here:
        instance = here.journey.start(here.journey.deploy(HEAD + rules))
        await here.journey.status(instance, "incident")
        assert await here.look() == set()
        folder = here.journey.gateway.services.settings.site_dir / "rules"
        folder.mkdir()
        (folder / "limits.yaml").write_text("rows: [{when: {}, route: approve}]")
        assert len(await here.look()) == 1
        outcome = await here.journey.outcome(instance)
        assert (outcome["status"], outcome["output"]["route"]) == ("completed", "approve")

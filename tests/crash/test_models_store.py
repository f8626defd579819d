"""Models at a store on a whole site: what another machine takes there decides here, versions change under load. Whether
the store hangs, is gone, or is new to a machine: no case is lost, and none decided by what nobody activated.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from schemas.cloudevents import CloudEvent
from tests.acceptance.site import ASK, GATEWAY, Site, working
from tests.support import brokers
from tests.support.brought import Site as Machine
from tests.support.s3 import S3

pytestmark = [pytest.mark.broker, pytest.mark.crash]
WORKERS = ("engine", "steps", "view")
MODEL, EVENT, SOON_S = "loans", "crash.lending.v1", 0.05
SOME = 12
CASE = "{income: 85, debts: 5, age_of_account: 15}"
DEFINITION = f"""
document: {{dsl: '1.0.3', namespace: crash, name: lending, version: '1.0.0'}}
schedule: {{on: {{one: {{with: {{type: {EVENT}}}}}}}}}
do:
  - assess: {{call: decide, with: {{model: {MODEL}, input: {CASE}}}}}
"""


async def test_models_of_a_store_decide_whatever_becomes_of_the_store(s3: S3, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    await asyncio.to_thread(_with_site, tmp_path, s3)


def _with_site(folder: Path, s3: S3) -> None:
    """The context has a loop of its own."""
    environ = {"EXLIFY_SITE_DIR": str(folder / "site"), **s3.environ}
    with (
        brokers.chosen(folder / "broker").kafka() as bootstrap,
        working(bootstrap, folder, {}, (), names=(*WORKERS, GATEWAY), **environ) as site,
    ):
        asyncio.run(_served(s3, folder, site))


async def _served(s3: S3, folder: Path, site: Site) -> None:
    (folder / "other").mkdir()
    other = Machine(folder / "other")
    other.environ |= {**s3.environ, "EXLIFY_BOOTSTRAP": site.settings.bootstrap, "EXLIFY_REGISTRY_URL": "none"}
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        cases = Cases(site, http)
        await _made(other, "1")
        await http.post("/v1/definitions", data=DEFINITION, headers={"Content-Type": "application/yaml"})
        await cases.decided_by("1")

        await _made(other, "2")  # counts from two seconds on; cases go on coming meanwhile
        while "2" not in {each["model_version"] for each in await cases.decisions()}:
            await cases.come(1)
            await asyncio.sleep(SOON_S)
        await cases.decided_by("2")
        assert {each["model_version"] for each in await cases.decisions()} == {"1", "2"}

        s3.pause()
        await cases.decided_by("2")
        site.kill("steps")
        await site.ready("steps")
        await cases.decided_by("2")
        assert site.workers.stop("steps") == 0
        site.start("steps")
        await _run(other, "rollback", MODEL)
        await _from(cases, "1")
        await site.until(partial(_told, site, http), "the store told of")

        s3.go_on()
        await _made(other, "3")
        await _from(cases, "3")
        assert site.workers.stop("steps") == 0
        shutil.rmtree(site.settings.data_dir / "models")  # as on a machine that is new
        s3.pause()
        site.start("steps")
        await site.ready("steps")
        before = len(await cases.decisions())
        await cases.come(SOME)
        await site.until(partial(cases.waiting, SOME), "cases that wait for their model")
        assert len(await cases.decisions()) == before
        s3.go_on()
        await cases.all_decided("3")

        s3.stop()
        await cases.decided_by("3")
        assert {each["route"] for each in await cases.decisions()} == {"approve"}


class Cases:
    """Cases of the workflow, and what becomes of them."""

    def __init__(self, site: Site, http: ClientSession) -> None:
        self._site, self._http = site, http
        self.count = 0

    async def come(self, count: int) -> None:
        """So many more."""
        numbers = range(self.count, self.count + count)
        self.count += count
        attributes = {"specversion": "1.0", "source": "/crash", "type": EVENT}
        await self._site.publish(CloudEvent({**attributes, "id": str(number)}, {}) for number in numbers)

    async def decided_by(self, version: str) -> None:
        """Some more come, and this version decides them."""
        await self.come(SOME)
        await self.all_decided(version)

    async def all_decided(self, version: str) -> None:
        """Returns once each has its decision; this version has made the last ones."""
        await self._site.until(self._each, "each case decided")
        last = sorted(await self.decisions(), key=lambda each: str(each["at"]))[-SOME:]
        assert {each["model_version"] for each in last} == {version}

    async def _each(self) -> bool:
        return len(await self.decisions()) == self.count and await self.waiting(0)

    async def decisions(self) -> list[dict[str, Any]]:
        """All there are."""
        reply = await self._http.get("/v1/decisions", params={"model": MODEL, "limit": "500"})
        found: list[dict[str, Any]] = (await reply.json())["decisions"]
        return found

    async def waiting(self, count: int) -> bool:
        """Whether so many instances have not ended."""
        reply = await self._http.get("/v1/instances", params={"status": "running", "limit": "500"})
        return len((await reply.json())["instances"]) == count


async def _made(other: Machine, version: str) -> None:
    """A version is made, certified and put into force, by commands on another machine."""
    await asyncio.to_thread(other.add, "zipmap", MODEL, "--version", version)
    await asyncio.to_thread(other.certify, "zipmap", f"{MODEL}@{version}")
    await _run(other, "activate", f"{MODEL}@{version}")


async def _run(other: Machine, *arguments: str) -> None:
    assert (await asyncio.to_thread(other.json, "models", *arguments, "--why", "test"))["published"]


async def _from(cases: Cases, version: str) -> None:
    """Returns once a version decides."""
    while (await _last(cases))["model_version"] != version:
        await cases.come(1)
        await asyncio.sleep(SOON_S)
    await cases.decided_by(version)


async def _last(cases: Cases) -> dict[str, Any]:
    return max(await cases.decisions(), key=lambda each: str(each["at"]))


async def _told(site: Site, http: ClientSession) -> bool:
    """Whether a worker tells that the store cannot be used."""
    place = json.loads((site.settings.data_dir / "steps.json").read_text())["metrics"]
    return 'exlify_model_faulty{model="(store)"} 1.0' in await (await http.get(place)).text()

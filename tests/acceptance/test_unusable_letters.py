"""Letters at hand: what went aside is listed, edited and redriven, each once, also where that was interrupted.

Among the last modules of its folder by its name: those before `test_unharmed` want a site in which nothing is parked.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import expect

from schemas.business import EventTypes
from schemas.messages import GENERIC_EVENT, LETTER_ACTION
from streams.ground.publish import Outgoing, Publisher
from streams.processors.intake import business_topic
from streams.processors.letters import ACTIONS
from streams.runtime.replays import COUNT, LETTER
from tests.acceptance.site import ASK, Site
from tests.support.browser import browser, visitor

pytestmark = [pytest.mark.acceptance, pytest.mark.broker]
EVENT = "acceptance.letter.v1"
TOPIC = business_topic(EventTypes.load().of(EVENT).topic)
FEW, MANY = 30, 10_000
FAILING = 3
DEFINITION = f"""
document: {{dsl: '1.0.3', namespace: acceptance, name: letters, version: '1.0.0'}}
schedule: {{on: {{one: {{with: {{type: {EVENT}}}}}}}}}
do:
  - ask: {{call: http, with: {{method: get, endpoint: {{uri: connection://ledger-of-letters/ledger/erp}}}}}}
"""


async def test_what_went_aside_is_redriven_each_once_and_edited(site: Site) -> None:
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        await http.post("/v1/definitions", data=DEFINITION, headers={"Content-Type": "application/yaml"})
        since, until = await parked(site, http, FEW)
        await interrupted_and_resumed(site, since, until, FEW, "--rate", "15")

        back = await letters(http, since=until, processor="intake")
        assert [(each["status"], each["replays"]) for each in back] == [("open", 1)] * FEW
        first = back[0]["letter_id"]
        await command(site, "edit", first, "--set", 'data={"n": 1}', "--why", "mended by hand")
        (redriven,) = await command(site, "redrive", first, "--why", "mended by hand")
        assert redriven["result"] == "redriven"
        shown = await (await http.get(f"/v1/letters/{first}")).json()
        assert (shown["original"]["message"], shown["edited"]["data"]) == (GENERIC_EVENT, {"data": {"n": 1}})
        assert shown["why"] == "mended by hand"
        await command(site, "drop", "--processor", "intake", "--since", since, "--why", "a test")
        assert not await letters(http, since=since, processor="intake", status="undecided")

        await asyncio.gather(*(publish(http) for _ in range(FAILING)))
        await site.until(partial(are, http, FAILING + 1, kind="dead", workflow="letters"), "dead letters")
        file = site.settings.data_dir / "site" / "connections.yaml"
        known = file.read_text() if file.exists() else ""
        file.write_text(f"{known}ledger-of-letters: {site.sandbox['control']}\n")
        site.kill("steps")  # and the new process reads the file
        await site.ready("steps")
        told = await command(site, "redrive", "--workflow", "letters", "--why", "address given")
        assert [each["result"] for each in told] == ["redriven"] * (FAILING + 1)

        async def all_done() -> bool:
            found = await http.get("/v1/instances", params={"workflow": "letters", "status": "completed"})
            return len((await found.json())["instances"]) == FAILING + 1

        await site.until(all_done, "every instance completed")


@pytest.mark.crash  # of no crash, but of the long suites
@pytest.mark.browser
async def test_people_edit_send_again_and_drop_letters_as_the_preview_has_shown(site: Site) -> None:
    async with (
        ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http,
        browser() as started,
        visitor(started) as somebody,
    ):
        _, until = await parked(site, http, FEW)
        page, meant = somebody.page, f"topic = '{TOPIC.name}' AND status IN ('open', 'edited')"
        await page.goto(f"{site.gateway}/letters?kind=parked&topic={TOPIC.name}")
        await expect(page.get_by_text("live", exact=True)).to_be_visible()
        await page.get_by_label("data of the generic event is no JSON", exact=False).get_by_text("again…").click()
        count = int(re.findall(r"\d+", await page.locator("h1").inner_text())[0])
        reason = "reason = 'data of the generic event is no JSON'"
        assert count == await site.sql(f"SELECT count(*) FROM letters WHERE {meant} AND {reason}") >= FEW
        await somebody.clean()
        await page.get_by_label("Why").fill("mended at the console")
        await page.get_by_role("button", name="Send them again").click()
        await expect(page.locator("h1")).to_have_text(f"{count} of {count} letters sent again")
        await somebody.clean()
        actions = [data for data in site.decoded(ACTIONS, LETTER_ACTION) if data["why"] == "mended at the console"]
        assert (len(actions), len({each["letter_id"] for each in actions})) == (count, count)

        back = partial(are, http, since=until, topic=TOPIC.name, status="undecided")
        await site.until(partial(back, number=count), "all came back")
        await page.goto(f"{site.gateway}/letters?kind=parked&topic={TOPIC.name}")
        first = page.locator("tbody a.name").first
        path = await first.get_attribute("href") or ""
        await first.click()
        await page.get_by_role("link", name="Edit…").click()
        await somebody.clean()
        await page.get_by_label("Members to set").fill('{"data": {"n": 1}}')
        await page.get_by_label("Why").fill("by hand")
        await page.get_by_role("button", name="Keep the edit").click()
        await expect(page.get_by_role("heading", name="As edited")).to_be_visible()
        await somebody.clean()
        shown = await (await http.get(f"/v1{path}")).json()
        assert (shown["status"], shown["edited"]["data"]) == ("edited", {"data": {"n": 1}})
        await page.goto(f"{site.gateway}/letters/drop?kind=parked&topic={TOPIC.name}")
        await page.get_by_label("Why").fill("a test")
        await page.get_by_role("button", name="Drop them").click()
        await expect(page.locator("h1")).to_contain_text("dropped")
        await site.until(partial(back, number=0), "every letter dropped")
    assert await site.sql(f"SELECT count(*) FROM letters WHERE {meant} AND {reason}") == 0


@pytest.mark.crash
async def test_ten_thousand_letters_are_redriven_each_once(site: Site) -> None:
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        since, until = await parked(site, http, MANY)
        await interrupted_and_resumed(site, since, until, MANY)
        await site.until(partial(are, http, MANY, since=until, processor="intake"), "all came back")


async def parked(site: Site, http: ClientSession, number: int) -> tuple[str, str]:
    """Has so many events parked, since one time and until another."""
    since = now()
    value = site.codec.encode(GENERIC_EVENT, {"data": b"{no JSON"})
    headers = {"specversion": "1.0", "source": "/acceptance", "type": EVENT}
    async with Publisher(site.settings) as publisher:
        await publisher.publish(
            Outgoing(TOPIC, b"k%d" % each, value, [(f"ce_{name}", text.encode()) for name, text in told.items()])
            for each in range(number)
            for told in [{**headers, "id": f"{since}-{each}"}]
        )
    await site.until(partial(are, http, number, since=since, processor="intake"), "every record a letter")
    return since, now()


async def interrupted_and_resumed(site: Site, since: str, until: str, number: int, *more: str) -> None:
    """Redrives letters, is killed in the middle, and does it again: on the wire each stands once more, unchanged."""
    arguments = ("redrive", "--processor", "intake", "--since", since, "--until", until, "--why", "tried")
    begun = await start(site, *arguments, *more)
    assert begun.stdout is not None
    assert await begun.stdout.readline()
    begun.kill()
    await begun.wait()
    await command(site, *arguments, may_refuse=True)
    await site.quiet()
    ours = [each for each in site.read(TOPIC) if (dict(each.headers).get("ce_id") or b"").startswith(since.encode())]
    sent = [dict(each.headers) for each in ours if LETTER in dict(each.headers)]
    assert Counter(each[LETTER] for each in sent) == dict.fromkeys({each[LETTER] for each in sent}, 1)
    assert (len(ours), len(sent)) == (2 * number, number)
    assert len({(each.key, each.value) for each in ours}) == number
    assert {each[COUNT] for each in sent} == {b"1"}


async def publish(http: ClientSession) -> None:
    about = {"ce-specversion": "1.0", "ce-id": uuid.uuid4().hex, "ce-source": "/acceptance", "ce-type": EVENT}
    await http.post("/v1/events", json={}, headers=about)


async def letters(http: ClientSession, **query: str) -> list[dict[str, Any]]:
    """All that are found, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = await (await http.get("/v1/letters", params={**query, "limit": "500"})).json()
        found += page["letters"]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


async def are(http: ClientSession, number: int, **query: str) -> bool:
    return len(await letters(http, **query)) == number


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def start(site: Site, *arguments: str) -> asyncio.subprocess.Process:
    environ = {**os.environ, "EXLIFY_GATEWAY_URL": site.gateway, "EXLIFY_DATA_DIR": str(site.settings.data_dir)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streams.cli", "letters", *arguments, "--json", cwd=Path(__file__).parents[2],
        env=environ, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def command(site: Site, *arguments: str, may_refuse: bool = False) -> list[dict[str, Any]]:
    """What a command prints, line by line."""
    process = await start(site, *arguments)
    said, _ = await process.communicate()
    assert process.returncode == 0 or may_refuse
    return [json.loads(line) for line in said.splitlines()]

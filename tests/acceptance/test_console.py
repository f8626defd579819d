"""People at the console of a whole site: what they do is looked up on Kafka and, by SQL, in the read model."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from schemas.messages import HUMAN_ACTION, REPAIR_STEP
from streams.definitions import DEFINITIONS
from streams.ground.topic import Topic
from streams.processors.human import ACTIONS
from streams.processors.orchestrate import INBOX
from tests.acceptance.site import ASK, Site
from tests.support.browser import browser, visitor

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.browser]
MAILING = """
document: {dsl: 1.0.3, namespace: acceptance, name: console-mailing, version: 1.0.0}
schedule: {on: {one: {with: {type: acceptance.mailing.v1}}}}
input: {schema: {format: json, document: {type: object, required: [to], properties: {to: {type: string}}}}}
do:
  - tellThem:
      call: http
      with: {method: post, endpoint: connection://mail/mail/messages, body: {to: "${ .to }", template: welcome}}
      metadata: {effect: keyed, recovery: {retries: 0}}
"""
ASKING = """
document: {dsl: 1.0.3, namespace: acceptance, name: console-asking, version: 1.0.0}
schedule: {on: {one: {with: {type: acceptance.asking.v1}}}}
do:
  - ask: {call: human, with: {team: console-desk, title: May it pass, outcomes: [approve, decline]}}
"""
TASKS = 10
STOPPED = 4


@pytest.fixture
async def started() -> AsyncIterator[Browser]:
    async with browser() as running:
        yield running


async def test_workflow_is_deployed_started_and_repaired_where_it_stops(site: Site, started: Browser) -> None:
    async with visitor(started) as somebody:
        page = somebody.page
        await page.goto(f"{site.gateway}/deploy")
        await page.locator("textarea").fill(MAILING.replace("call: http", "cal: http"))
        await page.get_by_role("button", name="Deploy").click()
        await expect(page.get_by_text("nothing was deployed")).to_be_visible()
        await somebody.clean()
        somebody.complaints[:] = [each for each in somebody.complaints if "422" not in each]
        assert not of(site, DEFINITIONS, "console-mailing")
        await page.locator("textarea").fill(MAILING)
        await page.get_by_role("button", name="Deploy").click()
        await expect(page.locator("h1")).to_have_text("Console mailing")
        assert len(of(site, DEFINITIONS, "console-mailing")) == 1

        await site.away("mail", STOPPED)
        await page.get_by_role("link", name="Start…").click()
        await page.get_by_label("Key of the case").fill("C-0")
        await page.get_by_label("To").fill("ada@example.org")
        await page.get_by_role("button", name="Start it").click()
        await expect(page.get_by_text("Stopped at “Tell them”, and waits for a decision")).to_be_visible()
        somebody.complaints[:] = [each for each in somebody.complaints if "404" not in each]  # not seen yet
        begun = page.url.rpartition("/")[2].partition("?")[0]
        async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
            for number in range(1, STOPPED):
                await publish(http, "acceptance.mailing.v1", f"C-{number}", {"to": "ada@example.org"})
        stopped = "SELECT count(*) FROM incidents WHERE status = 'open' AND workflow = 'console-mailing'"

        async def all_stopped() -> bool:
            return await site.sql(stopped) == STOPPED

        await site.until(all_stopped, "an incident for each instance")

        await page.goto(site.gateway)  # somebody who has never been here
        await page.get_by_role("link", name="C-0").first.click()
        await expect(page.get_by_text("doing it again does no harm").first).to_be_visible()
        await page.get_by_role("link", name="Do it again…").click()
        await somebody.clean()
        await page.get_by_label("Why").fill("the mail is back")
        await page.get_by_role("button", name="Do it again").click()  # the third click
        await expect(page.locator(".status.completed").first).to_be_visible()
        await somebody.clean()
        assert [each["instance_id"] for each in repairs(site, "the mail is back")] == [begun]

        await page.goto(f"{site.gateway}/incidents")
        await page.get_by_label("stopped, Tell them").get_by_role("link", name="again…").click()
        heading = await page.locator("h1").inner_text()
        assert int(re.findall(r"\d+", heading)[0]) == await site.sql(stopped) == STOPPED - 1
        await somebody.clean()
        await page.get_by_label("Why").fill("all of them")
        await page.get_by_role("button", name="again").click()
        await expect(page.locator(".status.completed")).to_have_count(STOPPED - 1)
        await somebody.clean()
    assert len({each["instance_id"] for each in repairs(site, "all of them")}) == STOPPED - 1
    ended = "SELECT count(*) FROM instances WHERE status = 'completed' AND workflow = 'console-mailing'"
    assert (await site.sql(ended), await site.sql(stopped)) == (STOPPED, 0)


async def test_tasks_are_answered_by_keyboard_and_two_people_share_them(site: Site, started: Browser) -> None:
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        await http.post("/v1/definitions", data=ASKING, headers={"Content-Type": "application/yaml"})
        for number in range(TASKS + 1):
            await publish(http, "acceptance.asking.v1", f"A-{number}", {})
    of_team = "SELECT count(*) FROM tasks WHERE team = 'console-desk' AND status = "

    async def all_asked() -> bool:
        return await site.sql(of_team + "'open'") == TASKS + 1

    await site.until(all_asked, "a task for each instance")
    async with visitor(started) as one, visitor(started) as other:
        for each, name in ((one, "ada"), (other, "bo")):
            await each.page.goto(f"{site.gateway}/login")
            await each.page.get_by_label("name").fill(name)
            await each.page.keyboard.press("Enter")
            await expect(each.page).to_have_title("Overview · Exlify")
            await each.page.goto(f"{site.gateway}/inbox?team=console-desk")
        await other.page.keyboard.press("a")
        await one.page.keyboard.press("a")
        await one.page.keyboard.press("Enter")
        await expect(one.page.locator(".note").filter(has_text="ada answered approve")).to_be_visible()
        await other.page.keyboard.press("Enter")  # bo looked at the same one
        await expect(other.page.get_by_text("Meanwhile ada answered approve")).to_be_visible()
        await other.clean()
        other.complaints[:] = [each for each in other.complaints if "409" not in each]
        for _ in range(TASKS):
            answered = one.page.locator(".note.completed a").first
            before = await answered.get_attribute("href")
            await one.page.keyboard.press("d")
            await one.page.keyboard.press("Enter")
            await expect(answered).not_to_have_attribute("href", before or "")
        await expect(one.page.get_by_text("This team has nothing to do")).to_be_visible()
        await one.clean()
    told = [data for data in site.decoded(ACTIONS, HUMAN_ACTION) if data["actor"] in ("ada", "bo")]
    of_ada = Counter(data["outcome"] for data in told if data["actor"] == "ada")
    assert of_ada == {"approve": 1, "decline": TASKS}
    assert [data["outcome"] for data in told if data["actor"] == "bo"] in ([], ["approve"])
    assert await site.sql(of_team + "'open'") == 0
    assert await site.sql("SELECT count(*) FROM tasks WHERE team = 'console-desk' AND outcome = 'approve'") == 1


async def publish(http: ClientSession, kind: str, key: str, data: dict[str, Any]) -> None:
    about = {"ce-specversion": "1.0", "ce-id": uuid.uuid4().hex, "ce-source": "/acceptance", "ce-type": kind}
    await http.post("/v1/events", json=data, headers={**about, "ce-subject": key})


def repairs(site: Site, why: str) -> list[dict[str, Any]]:
    return [each for each in site.decoded(INBOX, REPAIR_STEP) if each["why"] == why]


def of(site: Site, topic: Topic, workflow: str) -> list[Any]:
    return [each for each in site.read(topic) if each.value and f"name: {workflow}".encode() in each.value]

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

from schemas.messages import (
    CANCEL_INSTANCE,
    CONTROL_INSTANCE,
    HUMAN_ACTION,
    REPAIR_STEP,
    REPLAY_ACTION,
    START_INSTANCE,
)
from streams.definitions import DEFINITIONS
from streams.ground.topic import Topic
from streams.processors.human import ACTIONS
from streams.processors.orchestrate import INBOX
from streams.processors.replay import ACTIONS as REPLAYS
from tests.acceptance.site import ASK, Site
from tests.support.browser import browser, visitor
from tests.support.waiting import PATIENCE_S

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


async def test_phone_paper_no_javascript_and_seven_windows(site: Site, started: Browser) -> None:
    keys = [f"P-{number}" for number in range(3)]
    of_flow = "SELECT count(*) FROM instances WHERE workflow = 'console-phone'"
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        asking = ASKING.replace("console-", "console-phone-").replace("console-phone-asking", "console-phone")
        asking = asking.replace("acceptance.asking", "acceptance.phone")
        await http.post("/v1/definitions", data=asking, headers={"Content-Type": "application/yaml"})
        for key in keys[:2]:
            await publish(http, "acceptance.phone.v1", key, {})

        async def asked() -> bool:
            return await site.sql("SELECT count(*) FROM tasks WHERE team = 'console-phone-desk'") == 2

        await site.until(asked, "a task for each instance")
        async with visitor(started, viewport={"width": 390, "height": 800}, color_scheme="dark") as phone:
            await phone.page.goto(f"{site.gateway}/inbox?team=console-phone-desk")
            await phone.clean()
            case = await phone.page.locator(".card .small a").first.inner_text()
            await phone.page.get_by_role("button", name="Approve").click()
            await expect(phone.page.locator(".note").filter(has_text="answered approve").first).to_be_visible()
            await phone.clean()
            await phone.page.goto(f"{site.gateway}/instances?workflow=console-phone&status=completed")
            await phone.page.get_by_role("link", name=case).click()
            await phone.page.emulate_media(media="print")
            await expect(phone.page.locator(".top")).to_be_hidden()
            await expect(phone.page.get_by_text("answered approve").first).to_be_visible()
        assert await site.sql(f"{of_flow} AND status = 'completed' AND business_key = '{case}'") == 1
        (other,) = {*keys[:2]} - {case}
        async with visitor(started, java_script_enabled=False) as plain:
            await plain.page.goto(f"{site.gateway}/instances?workflow=console-phone&key={other}")
            await plain.page.get_by_role("link", name=other).click()
            await plain.page.get_by_role("link", name="Cancel…").click()
            await plain.page.get_by_label("Why").fill("withdrawn at the counter")
            await plain.page.get_by_role("button", name="Cancel the instance").click()
            await expect(plain.page.locator("h1")).to_have_text(other)

        async def cancelled() -> bool:
            return await site.sql(f"{of_flow} AND status = 'cancelled' AND business_key = '{other}'") == 1

        await site.until(cancelled, "the instance that was cancelled")
        wishes = site.decoded(INBOX, CANCEL_INSTANCE)
        assert [each["reason"] for each in wishes].count("withdrawn at the counter") == 1
        async with visitor(started) as first:
            windows = [first, *[await first.another() for _ in range(6)]]
            for each in windows:
                await each.page.goto(f"{site.gateway}/instances?workflow=console-phone")
                await expect(each.page.get_by_text("live", exact=True)).to_be_visible()
            await publish(http, "acceptance.phone.v1", keys[2], {})
            for each in windows:
                await expect(each.page.get_by_role("link", name=keys[2])).to_be_visible()  # without a reload
            await windows[-1].clean()
            assert [message for each in windows for message in each.complaints] == []
    begun = [each for each in site.decoded(INBOX, START_INSTANCE) if each["workflow"] == "console-phone"]
    assert {each["business_key"] for each in begun} == {*keys} and await site.sql(of_flow) == len(keys)

    async with visitor(started) as somebody:  # the one that waits stands still, and goes on again
        page = somebody.page
        for verb, before, after in (("suspend", "waiting", "suspended"), ("resume", "suspended", "waiting")):
            await page.goto(f"{site.gateway}/instances?workflow=console-phone&status={before}")
            await page.get_by_role("link", name=f"{verb.title()}…").click()
            assert int(re.findall(r"\d+", await page.locator("h1").inner_text())[0]) == 1
            await somebody.clean()
            await page.get_by_label("Why").fill("together")
            await page.get_by_role("button", name=verb.title()).click()
            await expect(page.locator(f".status.{after}")).to_have_count(1)
            assert await site.sql(f"{of_flow} AND status = '{after}'") == 1
        told = [each["action"] for each in site.decoded(INBOX, CONTROL_INSTANCE) if each["why"] == "together"]
        assert told == ["suspend", "resume"]

        await page.goto(f"{site.gateway}/workflows/console-phone")
        await page.get_by_role("link", name="Replay…").click()
        await page.get_by_role("button", name="Count").click()
        await expect(page.get_by_text(f"{len(keys)} events would be processed anew")).to_be_visible()
        await somebody.clean()
        await page.get_by_role("textbox", name="Name optional").fill("from-the-console")
        await page.get_by_role("button", name="Begin").click()
        await expect(page.locator("h1")).to_have_text("from-the-console")
        await expect(page.locator(".status.completed")).to_be_visible(timeout=PATIENCE_S * 1000)
        await somebody.clean()
    assert [each["action"] for each in site.decoded(REPLAYS, REPLAY_ACTION) if each["name"] == "from-the-console"] == [
        "start"
    ]
    replayed = "SELECT count(*) FROM replay_results WHERE replay = 'from-the-console'"
    assert await site.sql(replayed) == len(keys)
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:  # others count what is open
        (left,) = (each["instance_id"] for each in begun if each["business_key"] == keys[2])
        await http.post(f"/v1/instances/{left}/cancel", json={"reason": "the test is over"})

    async def over() -> bool:
        return await site.sql(f"{of_flow} AND status = 'cancelled'") == 2

    await site.until(over, "the end of the last one")


async def publish(http: ClientSession, kind: str, key: str, data: dict[str, Any]) -> None:
    about = {"ce-specversion": "1.0", "ce-id": uuid.uuid4().hex, "ce-source": "/acceptance", "ce-type": kind}
    await http.post("/v1/events", json=data, headers={**about, "ce-subject": key})


def repairs(site: Site, why: str) -> list[dict[str, Any]]:
    return [each for each in site.decoded(INBOX, REPAIR_STEP) if each["why"] == why]


def of(site: Site, topic: Topic, workflow: str) -> list[Any]:
    return [each for each in site.read(topic) if each.value and f"name: {workflow}".encode() in each.value]

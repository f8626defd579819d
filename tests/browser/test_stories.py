"""What people do at the console, in a real browser; what they change is looked up where it was published."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import create_engine

from schemas.catalogue import current
from schemas.messages import ALERT, HISTORY_ENTRY, HUMAN_ACTION, INCIDENT, LETTER, SYSTEM_PAUSE
from schemas.samples import sample
from streams.console import install
from streams.ground.record_at import RawRecord
from streams.ground.settings import Settings
from streams.readmodel.projection import METADATA
from streams.readmodel.settings import ViewSettings
from tests.support.browser import Visitor, browser, visitor
from tests.support.consoles import INSTANCE, NOW_MS, Console, Processor, alert, change, payload, result
from tests.support.gateways import AsyncGateway
from tests.support.postgresql import Server
from tests.support.replays import see_three
from tests.support.stories import Story

pytestmark = pytest.mark.browser

LETTERS = ("0-" + "1" * 32, "0-" + "2" * 32)  # one parked, one dead
PAGES = (
    "/", "/incidents", "/letters", "/letters/redrive", "/letters/drop", *(f"/letters/{each}" for each in LETTERS),
    *(f"/letters/{each}?ask=edit" for each in LETTERS), "/letters?status=dropped",
    "/deploy", "/workflows/order/start", "/instances/cancel",
    "/instances/suspend", "/instances/resume", "/workflows/order/compare", "/workflows/order/replay",
    "/workflows", "/workflows/order", "/definitions", "/instances", f"/instances/{INSTANCE}",
    f"/instances/{INSTANCE}?ask=cancel", "/inbox", "/decisions", "/decisions/credit-risk", "/find?q=nothing", "/login",
    "/replays", "/replays/band", "/replays/band?changed=1", "/replays/band/report",
    "/systems", "/deliveries", "/alerts", "/audit", "/report", "/instances/" + "9" * 32 + "?try=15", "/nothing",
)  # fmt: skip
PROBLEM = {
    "type": "urn:x", "title": "The system failed", "status": 500, "detail": "it answered 500", "instance": "/do/0/note",
    "reason": "REMOTE_FAULT", "effect": "none",
}  # fmt: skip
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SEEN = """(key) => new Promise((tell) => {
  const look = () => document.body.textContent.includes(key) && (tell(Date.now()), true);
  const all = {childList: true, subtree: true, characterData: true};
  if (!look()) new MutationObserver((_, watch) => look() && watch.disconnect()).observe(document.body, all);
})"""
TELLS = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - attempt:
      try: [{tell: {call: webhook.send, with: {connection: shop, body: {type: order.shipped}}}}]
      catch: {do: [{go-on: {set: {told: false}}}]}
"""
FORM = {
    "type": "object",
    "required": ["minutes"],
    "properties": {"minutes": {"type": "integer", "minimum": 1}, "note": {"type": "string"}},
}


@pytest.fixture
async def started() -> AsyncIterator[Browser]:
    async with browser() as running:
        yield running


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    (tmp_path / "connections.yaml").write_text("erp: http://erp.example.com\n")
    settings = Settings(data_dir=tmp_path, site_dir=tmp_path, partitions=3)
    async with AsyncGateway(settings, install, look=look, topics_there=topics_there) as running:
        yield Console(running)


async def look(settings: Settings, topic: str, partition: int, offset: int) -> RawRecord | None:
    """What a letter says, where a broker would be asked."""
    return RawRecord(b"k", b'{"n": 1}', [("ce_id", b"7")])


async def topics_there(settings: Settings) -> list[str]:
    return ["orders.v1"]


def url(console: Console, path: str) -> str:
    return str(console.gateway.client.make_url("/")).rstrip("/") + path


def filled(console: Console) -> dict[str, Any]:
    """One of everything: an instance that failed, a decision, a task."""
    (deployed,) = console.gateway.services.definitions.deployed()
    of = {"workflow": deployed.name, "digest": deployed.digest, "version": deployed.version}
    wrong = payload(PROBLEM)
    console.began(**of)
    changes = [
        change("task.started", "/do/0/note"),
        change("task.faulted", "/do/0/note", data=wrong),
        change("workflow.faulted", data=wrong),
    ]
    console.entered(1, "faulted", result("/do/0/note", 1), changes, **of)
    console.decided(at_ms=NOW_MS - 1000)
    console.saw()
    console.saw(connection="http.example.com:8080", breaker="open", failed=4, last_reason="UNREACHED")
    letter = sample(current()[LETTER]) | {"seq": 0, "status": "open", "refused": None, "edited_offset": None}
    stopped = sample(current()[INCIDENT]) | of | {"status": "open", "instance_id": INSTANCE, "actor": None}
    console.gateway.see(INCIDENT, stopped | {"closed_at_ms": None, "business_key": "A-17"})
    for letter_id, kind, topic in zip(LETTERS, ("parked", "dead"), ("orders.v1", "dead"), strict=True):
        about = {"letter_id": letter_id, "kind": kind, "topic": topic, "at_ms": NOW_MS - 1000}
        console.gateway.see(LETTER, letter | about)
    return console.asked(form=payload(FORM))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_every_page_can_be_read_by_everybody(console: Console, started: Browser, scheme: Any, width: int) -> None:
    filled(console)
    see_three(console.gateway)
    console.gateway.see(ALERT, alert())
    async with visitor(started, color_scheme=scheme, viewport={"width": width, "height": 800}) as somebody:
        for path in PAGES:
            await somebody.page.goto(url(console, path))
            assert await somebody.faults(everything=width > 1000) == [], path
        somebody.complaints[:] = [each for each in somebody.complaints if "404" not in each]


async def test_newcomer_finds_why_an_instance_failed(console: Console, started: Browser) -> None:
    filled(console)
    async with visitor(started) as somebody:
        await somebody.page.goto(url(console, "/"))
        await somebody.page.get_by_role("link", name="A-17").first.click()  # the one click
        await expect(somebody.page.get_by_text("Failed at “Note”: the system failed")).to_be_visible()
        await expect(somebody.page.get_by_text("doing it again does no harm").first).to_be_visible()
        await somebody.clean()


async def test_webhook_is_sent_again_from_its_row_which_leads_to_its_instance(
    console: Console, started: Browser
) -> None:
    told = Story(TELLS)
    console.gateway.services.definitions.learn(told.definition)
    for entry in (*told.start({}), *told.fault("/do/0/attempt/try/0/tell", **PROBLEM)):
        console.gateway.see(HISTORY_ENTRY, entry)
    async with visitor(started) as somebody:
        await somebody.page.goto(url(console, "/deliveries"))
        await somebody.page.get_by_text("Again…").click()
        await somebody.page.get_by_placeholder("Why").fill("they are back")
        await somebody.page.get_by_role("button", name="Send again").click()
        await expect(somebody.page.get_by_text("Not sent.")).to_be_visible()  # it has no address here
        await somebody.clean()
        await somebody.page.get_by_role("cell", name="it answered 500").click(force=True)  # the link of its row
        await expect(somebody.page).to_have_url(url(console, f"/instances/{told.instance_id}"))
        somebody.complaints[:] = [each for each in somebody.complaints if "409" not in each]


async def test_enter_in_a_field_decides_nothing(console: Console, started: Browser) -> None:
    console.asked(form=payload(FORM))
    async with visitor(started) as somebody:
        await somebody.page.goto(url(console, "/inbox"))
        await somebody.page.get_by_label("Minutes").fill("3")
        await somebody.page.keyboard.press("Enter")
        await somebody.page.get_by_role("button", name="Approve").focus()
        assert console.gateway.outbox.records == []


async def test_two_people_and_one_task(console: Console, started: Browser) -> None:
    processor = Processor(console, console.asked())
    async with visitor(started) as one, visitor(started) as other:
        for each in (one, other):
            await each.page.goto(url(console, f"/inbox/{INSTANCE}/do/1/review/0/0"))
        await processor.during(click_and_wait(one.page, "Approve", "answered approve"))
        await expect(other.page.get_by_text("answered approve 0 ms ago")).to_be_visible()  # without a reload
        await processor.during(click_and_wait(other.page, "Decline", "Not taken."))
        await expect(other.page.get_by_text("Meanwhile")).to_be_visible()
        other.complaints[:] = [each for each in other.complaints if "409" not in each]
    assert len(console.gateway.outbox.records) == 2
    row = console.gateway.services.reader.task(f"{INSTANCE}/do/1/review/0/0")
    assert row is not None and (row["status"], row["outcome"]) == ("answered", "approve")


async def test_claim_keeps_a_task_and_an_answer_is_taken_back(console: Console, started: Browser) -> None:
    first = console.asked()
    processor = Processor(console, first, console.asked(task_id=f"{INSTANCE}/do/2/next/0/0", title="The next one"))
    async with visitor(started) as one, visitor(started) as other:
        await named(other, console, "bo")
        await other.page.goto(url(console, f"/inbox/{first['task_id']}"))
        await one.page.goto(url(console, "/inbox"))
        await processor.during(press_and_wait(one.page, "c", "has claimed this task"))
        assert await one.faults() == []
        await expect(other.page.locator(".note.running")).to_contain_text("has claimed this task")  # without a reload
        await processor.during(click_and_wait(other.page, "Decline", "Not taken."))
        await expect(other.page.get_by_text("You can answer when")).to_be_visible()
        await processor.during(click_and_wait(one.page, "Approve", "answered approve"))
        await expect(one.page.locator("#h-task")).to_have_text("The next one")
        assert await one.faults() == []
        await processor.during(press_and_wait(one.page, "u", "has claimed this task"))
        await one.page.get_by_label("For how long").select_option("4 hours")
        await processor.during(press_and_see(one.page, "p", "The next one"))
        other.complaints[:] = [each for each in other.complaints if "409" not in each]
    actions = [data["action"] for name, data in console.gateway.outbox.decoded() if name == HUMAN_ACTION]
    assert actions == ["claim", "complete", "complete", "undo", "put_aside"]
    row = console.gateway.services.reader.task(first["task_id"])
    assert row is not None and (row["status"], row["assignee"]) == ("open", None)
    assert row["aside_until_ms"] == NOW_MS + 4 * 3_600_000


async def test_change_is_seen_without_a_reload_and_what_was_opened_stays_open(
    console: Console, started: Browser
) -> None:
    console.began()
    async with visitor(started) as somebody:
        await somebody.page.goto(url(console, f"/instances/{INSTANCE}"))
        await expect(somebody.page.get_by_text("live", exact=True)).to_be_visible()
        await somebody.page.get_by_text("Event data").click()
        console.entered(1, "completed", result("/x", 1), [change("workflow.completed", data=payload({"done": 1}))])
        await expect(somebody.page.locator(".status.completed")).to_be_visible()
        await expect(somebody.page.get_by_text("Cancel…")).to_be_hidden()
        assert await somebody.page.locator("details[open] summary").all_inner_texts() == ["Event data\n24 B"]


async def test_read_model_goes_away_and_comes_back_while_somebody_looks(
    tmp_path: Path, started: Browser, postgresql: Server
) -> None:
    METADATA.drop_all(create_engine(postgresql.url))
    settings = Settings(data_dir=tmp_path, partitions=3).with_(ViewSettings(url=postgresql.url))
    async with AsyncGateway(settings, install) as running, visitor(started) as somebody:
        console = Console(running)
        console.began()
        other = await somebody.another()
        await other.page.goto(url(console, "/instances"))
        await expect(other.page.get_by_text("live", exact=True)).to_be_visible()
        await asyncio.to_thread(postgresql.stop)
        await somebody.page.goto(url(console, "/instances"))
        await expect(somebody.page.get_by_text("Not reachable just now")).to_be_visible()
        await somebody.clean()
        await expect(other.page.get_by_text("A-17")).to_be_visible()  # what was there is still shown
        await asyncio.to_thread(postgresql.start)
        await somebody.page.reload()
        await expect(somebody.page.get_by_text("A-17")).to_be_visible()
        await asyncio.to_thread(console.began, instance_id="cd" * 16, business_key="NEW-1")
        for each in (somebody, other):
            await expect(each.page.get_by_text("NEW-1")).to_be_visible()  # without a reload
        await other.clean()
        somebody.complaints[:] = [each for each in somebody.complaints if "503" not in each]
    METADATA.drop_all(create_engine(postgresql.url))


async def test_eight_windows_at_once_of_which_one_is_seen(console: Console, started: Browser) -> None:
    """A browser has six connections to one address, and a stream takes one: hidden windows have none."""
    console.began()
    async with visitor(started) as first:
        others = []
        for _ in range(8):
            each = await first.another()
            await each.page.goto(url(console, "/instances"))
            await each.page.evaluate(HIDE, True)
            others.append(each)
        await first.page.goto(url(console, "/instances"))
        await first.page.evaluate(HIDE, True)
        await others[0].page.evaluate(HIDE, False)
        console.began(instance_id="cd" * 16, business_key="NEW-1")
        await expect(others[0].page.get_by_text("NEW-1")).to_be_visible()
        assert [message for each in others for message in each.complaints] == []


async def test_seven_windows_at_once_that_are_all_seen(console: Console, started: Browser) -> None:
    """Of the six connections to one address four are streams; the other windows ask, and nobody waits for a page."""
    console.began()
    async with visitor(started) as first:
        windows = [first, *[await first.another() for _ in range(6)]]
        for each in windows:
            await each.page.goto(url(console, "/instances"))
            await expect(each.page.get_by_text("live", exact=True)).to_be_visible()
        console.began(instance_id="cd" * 16, business_key="NEW-1")
        for each in windows:
            await expect(each.page.get_by_text("NEW-1")).to_be_visible()
        assert [message for each in windows for message in each.complaints] == []
    assert console.gateway.services.reader.instance("cd" * 16) is not None


async def test_change_is_seen_within_a_second(console: Console, started: Browser) -> None:
    """From the read model to the page, by an event; the middle one of five, so that a busy machine is no failure."""
    console.began()
    took = []
    async with visitor(started) as somebody:
        await somebody.page.goto(url(console, "/instances"))
        await expect(somebody.page.get_by_text("live", exact=True)).to_be_visible()
        for number in range(5):
            seen = asyncio.ensure_future(somebody.page.evaluate(SEEN, f"NEW-{number}"))
            await somebody.page.evaluate("1")  # the page looks out by now
            at_ms = time.time() * 1000
            await asyncio.to_thread(console.began, instance_id=f"{number:032x}", business_key=f"NEW-{number}")
            took.append(await seen - at_ms)
    assert sorted(took)[2] < 1000, took


async def test_without_javascript_pages_read_and_forms_post(console: Console, started: Browser) -> None:
    processor = Processor(console, console.asked(form=payload(FORM)))
    console.began()
    async with visitor(started, java_script_enabled=False) as somebody:
        await somebody.page.goto(url(console, f"/instances/{INSTANCE}"))
        await somebody.page.get_by_role("link", name="Answer").click()
        await somebody.page.get_by_label("Minutes").fill("3")
        await processor.during(click_and_wait(somebody.page, "Decline", "answered decline"))
        await somebody.page.goto(url(console, f"/instances/{INSTANCE}"))
        await somebody.page.get_by_role("link", name="Cancel…").click()
        await somebody.page.get_by_label("Why").fill("withdrawn")
        await somebody.page.get_by_role("button", name="Cancel the instance").click()
        await expect(somebody.page.get_by_text("is on its way")).to_be_visible()
    (_, answer), (_, wish) = console.gateway.outbox.decoded()
    assert (answer["outcome"], answer["data"].value(), wish["reason"]) == ("decline", {"minutes": 3}, "withdrawn")


async def test_keys_lead_everywhere_and_can_be_switched_off(console: Console, started: Browser) -> None:
    console.began()
    async with visitor(started) as somebody:
        page = somebody.page
        await page.goto(url(console, "/"))
        await page.keyboard.type("gn")
        await expect(page).to_have_title("Instances · Exlify")
        for key, name in ("e", "Alerts"), ("r", "Replays"), ("n", "Instances"):
            await page.keyboard.type(f"g{key}")
            await expect(page).to_have_title(f"{name} · Exlify")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("A-17")
        await page.keyboard.press("?")
        await page.get_by_label("Single letters work").uncheck()
        await page.get_by_role("button", name="Close").click()
        await page.keyboard.type("gi/")
        assert "/instances/" in page.url and not await page.evaluate("document.activeElement.id === 'q'")


async def test_alerts_come_and_go_while_somebody_looks_and_what_they_type_stays(
    console: Console, started: Browser
) -> None:
    async with visitor(started) as somebody:
        page = somebody.page
        await page.goto(url(console, "/alerts"))
        await expect(page.get_by_text("Nothing is to be told")).to_be_visible()
        await expect(page.get_by_text("live", exact=True)).to_be_visible()
        console.gateway.see(ALERT, alert(title="order waits"))
        await expect(page.get_by_role("heading", name="order waits")).to_be_visible()
        await expect(page.get_by_text("Nothing is to be told")).to_have_count(0)
        await page.get_by_role("link", name="Take it on or silence it").click()  # the page once more, with its form
        await page.get_by_placeholder("Why").fill("calling")
        console.gateway.see(ALERT, alert(alert_id="2" * 32, title="claim waits"))
        await expect(page.get_by_role("heading", name="claim waits")).to_be_visible()
        await expect(page.get_by_placeholder("Why")).to_have_value("calling")
        await page.locator("h1").click()
        console.gateway.see(ALERT, alert(seq=2, status="closed", closed_at_ms=NOW_MS, title="order waits"))
        await expect(page.get_by_role("heading", name="order waits")).to_have_count(0)
        await expect(page.get_by_role("heading", name="Ended of late")).to_be_visible()
        assert await somebody.faults() == []


async def test_system_is_paused_with_why_and_who_did_it_is_told(console: Console, started: Browser) -> None:
    console.saw()
    async with visitor(started) as somebody:
        page = somebody.page
        await page.goto(url(console, "/"))
        await page.keyboard.type("gs")
        await page.get_by_placeholder("Why").fill("maintenance of the ERP")
        await page.get_by_label("For how long").select_option("until it is resumed")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_text("paused it, until it is resumed")).to_be_visible()
        assert await somebody.faults() == []
        await page.keyboard.type("ga")
        await expect(page.get_by_text("maintenance of the ERP")).to_be_visible()
    ((name, said),) = console.gateway.outbox.decoded()
    assert (name, said["connection"], said["why"]) == (SYSTEM_PAUSE, "erp", "maintenance of the ERP")


async def test_printed_page_has_its_content_and_no_buttons(console: Console, started: Browser) -> None:
    filled(console)
    async with visitor(started) as somebody:
        await somebody.page.goto(url(console, f"/instances/{INSTANCE}"))
        await somebody.page.emulate_media(media="print")
        await expect(somebody.page.locator(".top")).to_be_hidden()
        await expect(somebody.page.get_by_text("The system failed", exact=True)).to_be_visible()


async def named(somebody: Visitor, console: Console, name: str) -> None:
    await somebody.page.goto(url(console, "/login"))
    await somebody.page.get_by_label("name").fill(name)
    await somebody.page.keyboard.press("Enter")
    await expect(somebody.page).to_have_title("Overview · Exlify")


async def press_and_see(page: Any, key: str, title: str) -> None:
    await page.keyboard.press(key)
    await expect(page.locator("#h-task")).to_have_text(title)


async def press_and_wait(page: Any, key: str, text: str) -> None:
    await page.keyboard.press(key)
    await expect(page.locator(".note").filter(has_text=text)).to_be_visible()


async def click_and_wait(page: Any, button: str, text: str) -> None:
    await page.get_by_role("button", name=button).click()
    await expect(page.locator(".note").filter(has_text=text).first).to_be_visible()

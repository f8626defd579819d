"""Replays at the console: the report, the events behind a cell, and the report as one file."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from schemas.messages import REPLAY_ACTION
from streams.console import replays
from streams.definitions.deploy import described
from tests.support.consoles import Console
from tests.support.definitions import load
from tests.support.gateways import YAML
from tests.support.replays import NOW_MS, see_result, see_state, see_three


async def test_replays_are_listed_and_shown_with_their_report(console: Console) -> None:
    assert "Nothing was replayed yet" in (await console.get("/replays"))[1]
    see_three(console.gateway)
    assert 'href="/replays/band"' in (await console.get("/replays"))[1]
    status, page = await console.get("/replays/band")
    assert (status, "Unanswered" in page, "Pay: calls http" in page) == (200, True, True)
    assert (await console.get("/replays/nobody"))[0] == 404


async def test_tasks_are_called_as_their_definition_does(console: Console) -> None:
    titled = YAML.replace("- note: {set: {seen: true}}", "- note: {set: {seen: true}, metadata: {title: Look & note}}")
    console.gateway.services.definitions.learn(described(load(titled), titled, "test", NOW_MS))
    see_state(console.gateway)
    see_result(console.gateway, 1, after_routes='{"note":"approve","reviewAgain":"review"}')
    see_result(console.gateway, 2, after="unanswered", stopped_at="incident /do/0/note")
    see_result(console.gateway, 3, after="unanswered", stopped_at="human /do/0/note")
    for address in ("/replays/band?changed=1", "/replays/band/report"):
        page = re.sub(r'href="[^"]*"', "", (await console.get(address))[1])
        assert "Look &amp; note: stopped here" in page and "Look &amp; note: people answer" in page
        assert "Look &amp; note: approve, Review again: review" in page
        assert "/do/0/note" not in page and "reviewAgain" not in page


async def test_cell_leads_to_the_events_behind_it(console: Console) -> None:
    see_three(console.gateway)
    _, page = await console.get("/replays/band")
    cells = [each.replace("&amp;", "&") for each in re.findall(r'href="(/replays/band\?[^"#]*)#events"', page)]
    (cell,) = [each for each in cells if "task=check" in each and "after=approve" in each]
    _, events = await console.get(cell)
    assert "O-2" in events and "O-1" not in events and "O-3" not in events


async def test_report_is_one_file_that_fetches_nothing(console: Console) -> None:
    see_three(console.gateway)
    async with console.gateway.client.get("/replays/band/report", headers={"Accept": "text/html"}) as response:
        text, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert not re.findall(r"(?:src|href)=|url\(|<script", text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert "O-2" in text and "O-3" in text and "O-1" not in text


async def test_file_has_every_event_that_came_to_something_else(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_state(console.gateway)
    for number in range(1, 561):
        see_result(console.gateway, number, after="faulted", business_key=f"O-{number:04}")
    _, text = await console.get("/replays/band/report")
    assert len(set(re.findall(r"O-\d{4}", text))) == 560 and ", the first" not in text
    monkeypatch.setattr(replays, "SAVED", 500)
    _, text = await console.get("/replays/band/report")
    assert len(set(re.findall(r"O-\d{4}", text))) == 500 and ", the first 500" in text


async def test_replay_is_paused_and_resumed_from_its_page(console: Console) -> None:
    see_three(console.gateway)
    _, page = await console.get("/replays/band")
    assert (await console.send("/replays/band", page, {"act": "pause"}))[:2] == (303, "/replays/band")
    see_state(console.gateway, seq=2, status="paused")
    _, page = await console.get("/replays/band")
    assert "Resume" in page
    assert (await console.send("/replays/band", page, {"act": "burn"}))[0] == 422
    await console.send("/replays/band", page, {"act": "resume"})
    told = [data["action"] for name, data in console.gateway.outbox.decoded() if name == REPLAY_ACTION]
    assert told == ["pause", "resume"]


async def test_who_began_a_replay_is_in_the_audit(console: Console) -> None:
    see_state(console.gateway)
    see_state(console.gateway, name="later", started_at_ms=NOW_MS + 1, actor="ann")
    told = (await console.data("/audit?of=replays"))["deeds"]
    assert [(each["actor"], each["did"], each["what"], each["path"]) for each in told] == [
        ("ann", "began the replay", "later", "/replays/later"), ("kim", "began the replay", "band", "/replays/band"),
    ]  # fmt: skip
    assert "All but alerts, letters and models" in (await console.get("/audit"))[1]

"""Systems and who did what: looked at, paused and resumed from the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.messages import HISTORY_ENTRY, INCIDENT, SYSTEM_PAUSE
from streams.ground.settings import Settings
from tests.support.consoles import NOW_MS, Console, cancelling, change, payload
from tests.support.stories import Story

OTHER = "cd" * 16
STOPS = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: post, endpoint: 'http://127.0.0.1:1/a'}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "connections.yaml").write_text("erp: http://erp.example.com\n")
    return Settings(data_dir=tmp_path / "data", site_dir=tmp_path, partitions=3)


async def test_system_that_is_not_well_comes_first_with_what_was_seen(console: Console) -> None:
    console.saw()
    console.saw(connection="zeta", breaker="open", calls=3, failed=3, last_reason="UNREACHED")
    assert [each["name"] for each in (await console.data("/systems"))["systems"]] == ["zeta", "erp"]
    _, page = await console.get("/systems")
    assert "is not called, as it has failed repeatedly" in (await console.get("/"))[1]
    assert "It has failed repeatedly" in page and "last “The system is not available”" in page and "Not called" in page


async def test_failed_steps_of_a_system_are_done_again_from_its_card(console: Console) -> None:
    told = Story(STOPS.replace("http://127.0.0.1:1/a", "connection://erp/a"))
    console.gateway.services.definitions.learn(told.definition)
    assert "/incidents/retry" not in (await console.get("/systems"))[1]
    problem = {"type": "about:blank", "title": "Away", "status": 503, "detail": None, "instance": "/do/0/fetch",
               "reason": "UNREACHED", "effect": "none"}  # fmt: skip
    for entry in (*told.start({}), *told.fault("/do/0/fetch", **problem)):
        console.gateway.see(HISTORY_ENTRY, entry)
    for incident in told.incidents:
        console.gateway.see(INCIDENT, incident)
    _, page = await console.get("/systems")
    assert 'href="/incidents/retry?connection=erp"' in page and "Do 1 failed step again" in page
    assert (await console.data("/incidents/retry?connection=erp"))["count"] == 1
    assert (await console.get("/incidents/retry?connection=crm"))[0] == 400


async def test_system_is_paused_for_a_while_and_resumed_with_why(console: Console) -> None:
    console.saw()
    _, page = await console.get("/systems")
    wish = {"act": "pause", "for": "4 hours", "why": "maintenance"}
    assert (await console.send("/systems/erp", page, wish))[:2] == (303, "/systems#s-erp")
    assert (await console.send("/systems/erp", page, wish | {"for": "until it is resumed"}))[0] == 303
    _, page = await console.get("/systems")
    assert "paused it, until it is resumed" in page and "maintenance" in page
    assert (await console.send("/systems/erp", page, {"act": "resume", "why": "it is over"}))[0] == 303
    said = [data for name, data in console.gateway.outbox.decoded() if name == SYSTEM_PAUSE]
    assert [(each["paused"], each["until_ms"], each["why"]) for each in said] == [
        (True, NOW_MS + 4 * 3_600_000, "maintenance"),
        (True, None, "maintenance"),
        (False, None, "it is over"),
    ]
    assert said[0]["actor"] != ""


@pytest.mark.parametrize(
    ("path", "wish", "status"),
    [
        ("/systems/erp", {"act": "pause", "why": ""}, 422),
        ("/systems/erp", {"act": "resume", "why": "x"}, 409),
        ("/systems/erp", {"act": "burn", "why": "x"}, 422),
        ("/systems/other", {"act": "pause", "why": "x"}, 404),
        ("/systems/10.0.0.7:80", {"act": "pause", "why": "x"}, 409),
    ],
)
async def test_what_cannot_be_done_to_a_system_changes_nothing(
    console: Console, path: str, wish: dict[str, str], status: int
) -> None:
    console.saw(connection="10.0.0.7:80")
    _, page = await console.get("/systems")
    assert page.count('value="pause"') == 1  # that of the site
    assert (await console.send(path, page, wish))[0] == status
    assert console.gateway.outbox.records == []


def act(action: str, at_ms: int, actor: str = "kim") -> dict[str, Any]:
    return {"action_id": f"{action}{at_ms}", "action": action, "actor": actor, "at_ms": at_ms}


async def test_deeds_of_every_kind_are_told_the_newest_first(console: Console) -> None:
    acts = [act("claim", NOW_MS - 50), act("complete", NOW_MS - 40)]
    console.asked(acts=acts, outcome="approve", completed_by="kim", last_action_id=acts[1]["action_id"],
                  status="completed", updated_at_ms=NOW_MS - 40)  # fmt: skip
    why = payload({"actor": "bo", "reason": "wrong batch"})
    ended = [change("workflow.cancelled", data=why)]
    console.began(instance_id=OTHER)
    console.entered(1, "cancelled", cancelling("bo", "wrong batch"), ended, instance_id=OTHER)
    _, page = await console.get("/systems")
    console.saw()
    await console.send("/systems/erp", page, {"act": "pause", "why": "maintenance"})
    told = Story(STOPS)
    console.gateway.services.definitions.learn(told.definition)
    for entry in (*told.start({}), *told.fault("/do/0/fetch", **_PROBLEM)):
        console.gateway.see(HISTORY_ENTRY, entry)
    (stopped,) = told.incidents
    decided = {"status": "skipped", "actor": "ann", "why": "done by phone", "closed_at_ms": NOW_MS - 30}
    console.gateway.see(INCIDENT, stopped | decided | {"seq": stopped["seq"] + 1})
    deeds = (await console.data("/audit"))["deeds"]
    said = {(each["actor"], each["did"]): each for each in deeds}
    assert {("kim", "claimed"), ("kim", "answered approve to"), ("bo", "cancelled"), ("ann", "skipped")} <= said.keys()
    assert said["ann", "skipped"]["why"] == "done by phone"
    assert said["bo", "cancelled"]["path"] == f"/instances/{OTHER}" and said["bo", "cancelled"]["why"] == "wrong batch"
    assert [each["did"] for each in deeds if each["why"] == "maintenance"] == ["paused"]
    assert [each["at_ms"] for each in deeds] == sorted((each["at_ms"] for each in deeds), reverse=True)
    assert {each["did"] for each in (await console.data("/audit?of=instances"))["deeds"]} == {"cancelled"}


async def test_pages_of_deeds_leave_none_out(console: Console) -> None:
    for number in range(60):
        acts = [act("claim", NOW_MS - 10_000 + number // 3), act("release", NOW_MS - 100 - number)]
        console.asked(task_id=f"{number:032x}/do/0/a/0/0", acts=acts, updated_at_ms=acts[-1]["at_ms"])
    seen, path = set(), "/audit?of=tasks"
    while path:
        data = await console.data(path)
        seen |= {(each["at_ms"], each["did"], each["path"]) for each in data["deeds"]}
        path = data["next"]
    assert len(seen) == 120


_PROBLEM = {
    "type": "about:blank", "title": "The system failed", "status": 500, "detail": None, "instance": "/do/0/fetch",
    "reason": "REMOTE_FAULT", "effect": "none",
}  # fmt: skip

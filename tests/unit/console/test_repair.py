"""Failed steps that wait for a decision: told with what was done, and decided from the page."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import pytest

from schemas.catalogue import current
from schemas.messages import HISTORY_ENTRY, INCIDENT, REPAIR_STEP, RETRY_NOW, RETRY_STATE
from schemas.samples import sample
from streams.console import standing
from streams.console.rights import Act
from tests.support.consoles import NOW_MS, Console
from tests.support.stories import Story
from tests.support.waiting import PATIENCE_S

TOLD = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: post, endpoint: 'http://127.0.0.1:1/a'}}
"""
POINTER = "/do/0/fetch"
PROBLEM = {
    "type": "about:blank", "title": "The system failed", "status": 500, "detail": "it answered 500",
    "instance": POINTER, "reason": "REMOTE_FAULT", "effect": "none",
}  # fmt: skip


@pytest.fixture
def stopped(console: Console) -> Story:
    """An instance that has stopped at a step."""
    told = Story(TOLD)
    console.gateway.services.definitions.learn(told.definition)
    for entry in (*told.start({}), *told.fault(POINTER, **PROBLEM)):
        console.gateway.see(HISTORY_ENTRY, entry)
    for incident in told.incidents:
        console.gateway.see(INCIDENT, incident)
    object.__setattr__(console.gateway.services, "answer_timeout_s", 0.01)
    return told


async def test_page_says_where_it_stopped_and_whether_anything_was_done(console: Console, stopped: Story) -> None:
    _, page = await console.get(f"/instances/{stopped.instance_id}")
    assert "Stopped at “Fetch”, and waits for a decision: the system failed. Nothing was changed" in page
    assert page.count("doing it again does no harm") >= 2 and 'class="task s-incident"' in page
    assert "for the team operators to decide" in page


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        ("retry", {}, {"action": "retry", "key": "kept", "input": None}),
        ("retry", {"new_key": "yes", "input": '{"a": 1}'}, {"action": "retry", "key": "new"}),
        ("skip", {"output": '{"b": 2}'}, {"action": "skip"}),
        ("fail", {}, {"action": "fail"}),
    ],
)
async def test_decision_is_published_with_who_and_why(
    console: Console, stopped: Story, action: str, fields: dict[str, str], expected: dict[str, str]
) -> None:
    incident = stopped.incidents[0]["incident_id"]
    _, page = await console.get(f"/instances/{stopped.instance_id}?ask={action}&incident={incident}")
    path = f"/instances/{stopped.instance_id}/repair"
    status, onward, _ = await console.send(path, page, {"why": "it is up again", **fields})
    ((name, said),) = console.gateway.outbox.decoded()
    assert (status, onward, name) == (303, f"/instances/{stopped.instance_id}", REPAIR_STEP)
    assert said["why"] == "it is up again" and said["actor"]
    assert {name: said[name] for name in expected} == expected
    for member, text in (("input", '{"a":1}'), ("output", '{"b":2}')):
        assert member not in fields or said[member].raw.decode() == text


@pytest.mark.parametrize("fields", [{"why": ""}, {"why": "x", "input": "{"}, {"why": "x", "action": "explode"}])
async def test_decision_that_cannot_be_taken_is_not_published(
    console: Console, stopped: Story, fields: dict[str, str]
) -> None:
    incident = stopped.incidents[0]["incident_id"]
    _, page = await console.get(f"/instances/{stopped.instance_id}?ask=retry&incident={incident}")
    status, _, _ = await console.send(f"/instances/{stopped.instance_id}/repair", page, fields)
    assert status == 422 and console.gateway.outbox.records == []


async def test_decision_about_what_was_decided_is_refused(console: Console, stopped: Story) -> None:
    incident = stopped.incidents[0]["incident_id"]
    _, page = await console.get(f"/instances/{stopped.instance_id}?ask=retry&incident={incident}")
    sent = {"why": "x", "incident": f"{stopped.instance_id}/99"}
    status, _, answer = await console.send(f"/instances/{stopped.instance_id}/repair", page, sent)
    assert status == 409 and "No open incident" in answer


async def test_stopped_steps_are_grouped_and_done_again_together(console: Console, stopped: Story) -> None:
    data = await console.data("/incidents")
    (cause,) = data["stopped"]
    assert (cause["title"], cause["step"], cause["count"], cause["effect"]) == ("The system failed", "Fetch", 1, "none")
    _, page = await console.get("/incidents")
    (onward,) = re.findall(r'href="(/incidents/retry[^"]*)"', page)
    path = unescape(onward)
    _, preview = await console.get(path)
    assert "Do 1 failed step again" in preview and 'class="pill faulted">1<' in preview
    status, progress, _ = await console.send(path, preview, {"reason": "it is up again"})
    assert status == 303
    while not (done := await console.data(progress))["sent"]:
        await asyncio.sleep(0)
    ((name, said),) = console.gateway.outbox.decoded()
    assert (name, said["action"], said["key"], said["why"]) == (REPAIR_STEP, "retry", "kept", "it is up again")
    assert (done["verb"], done["count"], done["counts"]) == ("retry", 1, {"incident": 1})
    assert (await console.send(path, preview, {"reason": "again"}))[0] == 409  # once


async def test_steps_in_doubt_are_done_again_together_only_where_that_is_asked_for(console: Console) -> None:
    told = Story(TOLD)
    console.gateway.services.definitions.learn(told.definition)
    for entry in (*told.start({}), *told.fault(POINTER, **{**PROBLEM, "effect": "unknown"})):
        console.gateway.see(HISTORY_ENTRY, entry)
    for incident in told.incidents:
        console.gateway.see(INCIDENT, incident)
    assert (await console.data("/incidents/retry?workflow=told"))["count"] == 0
    assert (await console.data("/incidents/retry?workflow=told&reason=OUTCOME_UNKNOWN"))["count"] == 1


async def test_overview_says_that_steps_wait_for_a_decision(console: Console, stopped: Story) -> None:
    assert (await console.data("/"))["stopped"] == 1
    assert (await console.data("/workflows/told"))["counts"] == {POINTER: {"incident": 1}}


async def test_what_waits_at_a_step_is_counted_whole(
    console: Console, stopped: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "NEWEST", 1)
    of = {"workflow": "told", "digest": stopped.definition["digest"], "version": "1.0.0"}
    for number in range(3):
        name = f"{number:032x}"
        console.began(instance_id=name, status="waiting", **of)
        console.asked(instance_id=name, task_id=f"{name}{POINTER}/0/0", pointer=POINTER, workflow="told")
    console.asked(task_id="x", pointer=POINTER, workflow="told", instance_id="of another version")
    assert (await console.data("/workflows/told"))["counts"] == {POINTER: {"incident": 1, "waiting": 3}}


@pytest.mark.parametrize(("act", "other"), [(Act.REPAIR, Act.CANCEL), (Act.CANCEL, Act.REPAIR)])
async def test_each_act_on_a_list_stands_under_its_own_permission(
    console: Console, stopped: Story, monkeypatch: pytest.MonkeyPatch, act: Act, other: Act
) -> None:
    monkeypatch.setattr("streams.console.instances.may", lambda _, asked, __: asked is act)
    _, page = await console.get("/instances")
    acts = {Act.REPAIR: "/incidents/retry", Act.CANCEL: "/instances/cancel"}
    assert acts[act] in page and acts[other] not in page


async def test_nothing_to_do_again_is_said(console: Console) -> None:
    assert "There is nothing to do again" in (await console.get("/incidents/retry?workflow=x"))[1]


async def test_failed_steps_of_a_list_are_done_again_as_the_preview_counted_them(console: Console) -> None:
    told = {number: Story(TOLD, instance_id=f"{number:032x}") for number in range(3)}
    for number, story in told.items():
        console.gateway.services.definitions.learn(story.definition)
        for entry in (*story.start({}, business_key=f"K-{number % 2}"), *story.fault(POINTER, **PROBLEM)):
            console.gateway.see(HISTORY_ENTRY, entry)
        for incident in story.incidents:
            console.gateway.see(INCIDENT, incident)
    object.__setattr__(console.gateway.services, "answer_timeout_s", 0.01)
    assert "/incidents/retry?status=incident" in (await console.get("/instances?status=incident"))[1]
    _, page = await console.get("/incidents/retry?status=incident&key=K-0")
    assert "Do 2 failed steps again" in page
    assert (await console.data("/incidents/retry?key=K-1"))["count"] == 1
    assert (await console.data("/incidents/retry?status=waiting"))["count"] == 0
    status, onward, _ = await console.send("/incidents/retry?status=incident&key=K-0", page, {"reason": "up again"})
    async with asyncio.timeout(PATIENCE_S):
        while (await console.data(onward))["sent"] < 2:
            await asyncio.sleep(0.01)
    said = {data["instance_id"] for name, data in console.gateway.outbox.decoded() if name == REPAIR_STEP}
    assert status == 303 and said == {told[0].instance_id, told[2].instance_id}


def waits_again(console: Console, stopped: Story, **changes: object) -> None:
    """The step waits for its next try."""
    state = sample(current()[RETRY_STATE]) | {"instance_id": stopped.instance_id, "pointer": POINTER, "iteration": 0}
    about = {"attempt": 0, "status": "waiting", "retry": 2, "retries": 5, "reason": "UNREACHED", "seq": 7}
    console.gateway.see(RETRY_STATE, state | about | {"due_ms": NOW_MS + 90_000} | changes)


@pytest.fixture
def trying(console: Console) -> Story:
    """An instance whose step has failed once and waits for its next try."""
    told = Story(TOLD)
    console.gateway.services.definitions.learn(told.definition)
    for entry in told.start({}):
        console.gateway.see(HISTORY_ENTRY, entry)
    waits_again(console, told)
    object.__setattr__(console.gateway.services, "answer_timeout_s", 0.01)
    return told


async def test_step_that_is_tried_again_says_when_and_why_and_is_tried_now(console: Console, trying: Story) -> None:
    path = f"/instances/{trying.instance_id}"
    _, page = await console.get(path)
    assert "“Fetch” did not work (the system is not available) and is tried again in 1 min 30 s, 2 of 5 times" in page
    assert 'class="task s-retrying"' in page
    assert (await console.data("/workflows/told"))["counts"] == {POINTER: {"retrying": 1}}
    (onward,) = re.findall(r'href="(\?ask=now[^"]*)"', page)
    _, asks = await console.get(path + unescape(onward))
    assert "Try “Fetch” now?" in asks
    status, leads, _ = await console.send(f"{path}/try-now", asks, {"why": "it is up again"})
    ((name, said),) = console.gateway.outbox.decoded()
    assert (status, leads, name) == (303, path, RETRY_NOW)
    assert (said["pointer"], said["retry"], said["why"]) == (POINTER, 2, "it is up again") and said["actor"]
    waits_again(console, trying, status="sent", seq=8)
    assert "tried again" not in (await console.get(path))[1]
    assert (await console.send(f"{path}/try-now", asks, {"why": "once more"}))[0] == 409


async def test_instances_are_found_by_what_happens_in_them_and_acts_follow_the_list(
    console: Console, trying: Story
) -> None:
    console.began(instance_id="cd" * 16, workflow="told", digest=trying.definition["digest"])
    for query, expected in (
        ("status=retrying", [trying.instance_id]),
        ("reason=REMOTE_FAULT", []),
        ("step=fetch", []),
        ("data=customer.id%3D4711", []),
    ):
        found = await console.data(f"/instances?{query}")
        assert [each["instance_id"] for each in found["instances"]] == expected, query
        preview = await console.data(f"/instances/cancel?{query}")
        assert [each["instance_id"] for each in preview["instances"]] == expected, query
    assert (await console.get("/instances?data=nonsense"))[0] == 400
    assert '<details class="further" open>' in (await console.get("/instances?step=fetch"))[1]


async def test_failed_steps_are_found_by_their_reason(console: Console, stopped: Story) -> None:
    for query in ("reason=REMOTE_FAULT", "step=fetch", f"step={POINTER}"):
        assert (await console.data(f"/incidents/retry?{query}"))["count"] == 1, query
    assert (await console.data("/incidents/retry?step=other"))["count"] == 0
    async with console.gateway.client.get("/find?q=REMOTE_FAULT", allow_redirects=False) as response:
        assert response.headers["Location"] == f"/instances/{stopped.instance_id}"


async def test_page_tells_who_decided_about_a_failed_step(console: Console, stopped: Story) -> None:
    closed = {"seq": 9, "status": "retried", "actor": "kim", "why": "it is up", "closed_at_ms": NOW_MS}
    console.gateway.see(INCIDENT, stopped.incidents[0] | closed)
    _, page = await console.get(f"/instances/{stopped.instance_id}")
    assert "kim <b>retried</b> “Fetch”: it is up" in page

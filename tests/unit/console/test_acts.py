"""Deploying, starting, and acts on a whole list."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import pytest

from schemas.ids import instance_id
from schemas.messages import CANCEL_INSTANCE, CONTROL_INSTANCE, WORKFLOW_DEFINITION
from streams.definitions.deploy import described
from streams.ground.settings import Settings
from streams.ground.topic import Topic
from tests.support.consoles import INSTANCE, NOW_MS, Console, change, payload, result
from tests.support.definitions import load
from tests.support.gateways import YAML

FAULTY = YAML.replace("- note: {set: {seen: true}}", "- note: {sett: {}}\n  - other: {call: nonsense}")
WITH_SCHEMA = YAML.replace("name: order", "name: claim").replace("order.v1", "claim.v1").replace(
    "do:\n",
    "input: {schema: {format: json, document: {type: object, required: [sum], "
    "properties: {sum: {type: integer, minimum: 1}}}}}\ndo:\n",
)  # fmt: skip
PROBLEM = {
    "type": "urn:x", "title": "The system failed", "status": 500, "detail": None, "instance": "/do/0/pay",
    "reason": "REMOTE_FAULT", "effect": "none",
}  # fmt: skip


async def over(console: Console, path: str) -> dict[str, Any]:
    """The page of an act, once it has been done to each."""
    while True:
        told: dict[str, Any] = await console.data(path)
        if told["sent"] + sum(bool(each["refused"]) for each in told["instances"]) == told["count"]:
            return told
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def provision(settings: Settings, wanted: Iterable[Topic]) -> None:
        """A broker would make the topics."""

    monkeypatch.setattr("streams.definitions.deploy.provision", provision)


async def test_faults_are_told_with_their_lines_and_nothing_is_deployed(console: Console) -> None:
    _, page = await console.get("/deploy")
    status, _, answer = await console.send("/deploy", page, {"yaml": FAULTY, "do": "deploy"})
    assert status == 422 and "nothing was deployed" in answer and "in line 6" in answer and "nonsense" in answer
    assert console.gateway.outbox.records == []


async def test_checked_definition_is_drawn_and_then_deployed_under_a_name(console: Console) -> None:
    _, page = await console.get("/deploy")
    status, _, answer = await console.send("/deploy", page, {"yaml": WITH_SCHEMA.replace("\n", "\r\n"), "do": "check"})
    assert status == 200 and "It can be deployed" in answer and "<svg" in answer
    assert console.gateway.outbox.records == []
    object.__setattr__(console.gateway.services, "answer_timeout_s", 0.01)
    status, onward, _ = await console.send("/deploy", page, {"yaml": WITH_SCHEMA.replace("\n", "\r\n"), "do": "deploy"})
    ((name, data),) = console.gateway.outbox.decoded()
    assert (status, name, data["yaml"]) == (303, WORKFLOW_DEFINITION, WITH_SCHEMA) and data["deployed_by"]
    assert onward == f"/workflows/claim?digest={data['digest']}"


async def test_version_is_changed_from_its_text_and_compared_with_it(console: Console) -> None:
    book = console.gateway.services.definitions
    (first,) = book.deployed()
    assert "seen: true" in (await console.get(f"/deploy?from={first.digest}"))[1]
    changed = YAML.replace("1.0.0", "1.1.0").replace("seen: true", "seen: false")
    book.learn(described(load(changed), changed, "kim", NOW_MS))
    data = await console.data("/workflows/order")
    assert [each["version"] for each in data["versions"]] == ["1.1.0", "1.0.0"]
    assert "-  - note: {set: {seen: true}}" in data["difference"]
    assert "new instances start on it" in (await console.get("/workflows/order"))[1]


async def test_workflow_is_started_with_a_form_of_its_schema(console: Console) -> None:
    book = console.gateway.services.definitions
    book.learn(described(load(WITH_SCHEMA), WITH_SCHEMA, "kim", NOW_MS))
    _, page = await console.get("/workflows/claim/start")
    assert 'type="number" name="data/sum"' in page and 'min="1"' in page
    status, _, answer = await console.send("/workflows/claim/start", page, {"data/sum": "0"})
    assert status == 422 and "does not follow the schema" in answer and console.gateway.outbox.records == []
    status, onward, _ = await console.send("/workflows/claim/start", page, {"data/sum": "7", "subject": "C-1"})
    (record,) = console.gateway.outbox.records
    event_id = re.findall(r'name="event_id" value="(\w+)"', page)[0]
    assert (status, onward) == (303, f"/instances/{instance_id('claim', '/console', event_id)}")
    assert b"com.example.claim.v1" in b"".join(value for _, value in record.headers)


async def test_workflow_that_nobody_starts_says_so(console: Console) -> None:
    assert (await console.get("/workflows/none/start"))[0] == 404


async def test_act_on_a_list_touches_what_the_preview_counted(console: Console) -> None:
    for number in range(3):
        console.began(instance_id=f"{number:032x}", business_key=f"K-{number}")
    console.began(instance_id="cd" * 16, workflow="other")
    _, page = await console.get("/instances/cancel?key=K-")
    assert "Cancel 3 instances" in page
    console.began(instance_id="ef" * 16, business_key="K-9")  # begins after somebody has looked
    console.entered(1, "completed", result("/x", 1), [], instance_id=f"{1:032x}")  # and one has ended by itself
    status, onward, _ = await console.send("/instances/cancel?key=K-", page, {"reason": "wrong batch"})
    await over(console, onward)
    wishes = [data for name, data in console.gateway.outbox.decoded() if name == CANCEL_INSTANCE]
    assert status == 303 and {wish["instance_id"] for wish in wishes} == {f"{0:032x}", f"{2:032x}"}
    progress = await over(console, onward)
    assert (progress["count"], progress["sent"], progress["counts"]) == (3, 2, {"running": 2, "completed": 1})
    assert "The instance has ended: completed." in (await console.get(onward))[1]


async def test_act_is_done_once(console: Console) -> None:
    console.began()
    _, page = await console.get("/instances/cancel")
    first, onward, _ = await console.send("/instances/cancel", page, {"reason": "x"})
    assert first == 303 and (await over(console, onward))["sent"] == 1
    status, _, answer = await console.send("/instances/cancel", page, {"reason": "x"})
    assert status == 409 and "not remembered" in answer and len(console.gateway.outbox.records) == 1


async def test_a_list_stands_still_and_goes_on_again(console: Console) -> None:
    for number, stands in enumerate(("running", "waiting", "suspended", "completed")):
        console.began(instance_id=f"{number:032x}", business_key=f"K-{number}", status=stands)
    assert {each["business_key"] for each in (await console.data("/instances/suspend"))["instances"]} == {"K-0", "K-1"}
    assert {each["business_key"] for each in (await console.data("/instances/resume"))["instances"]} == {"K-2"}
    _, page = await console.get("/instances/suspend?key=K-")
    assert "Suspend 2 instances" in page
    console.entered(1, "completed", result("/x", 1), [], instance_id=f"{1:032x}")  # has ended since
    status, onward, _ = await console.send("/instances/suspend?key=K-", page, {"reason": "the ERP is away"})
    progress = await over(console, onward)
    (wish,) = [data for name, data in console.gateway.outbox.decoded() if name == CONTROL_INSTANCE]
    assert (wish["instance_id"], wish["action"], wish["why"]) == (f"{0:032x}", "suspend", "the ERP is away")
    assert (status, progress["verb"], progress["sent"]) == (303, "suspend", 1)
    told = {each["instance_id"][-1]: each["refused"] for each in progress["instances"]}
    assert told == {"0": "", "1": "The instance has ended: completed."}
    _, listed = await console.get("/instances")
    assert all(f'href="/instances/{verb}"' in listed for verb in ("suspend", "resume", "cancel"))


async def test_act_on_nothing_is_not_offered(console: Console) -> None:
    assert "There is nothing to cancel" in (await console.get("/instances/cancel?status=faulted"))[1]
    assert (await console.get("/acts/none"))[0] == 404


async def test_failures_are_grouped_by_their_cause(console: Console) -> None:
    wrong = [
        change("task.faulted", "/do/0/pay", data=payload(PROBLEM)),
        change("workflow.faulted", data=payload(PROBLEM)),
    ]
    for number in range(3):
        of = {"instance_id": f"{number:032x}", "at_ms": NOW_MS - 1000 * number}
        console.began(**of)
        console.entered(1, "faulted", result("/do/0/pay", 1), wrong, **of)
    console.began(workflow="other")
    console.entered(1, "faulted", result("/do/0/pay", 1), [], workflow="other")
    causes = (await console.data("/incidents"))["causes"]
    assert [(each["title"], each["step"], each["count"], each["effect"]) for each in causes] == [
        ("The system failed", "Pay", 3, "none"),
        ("", "", 1, ""),
    ]
    _, page = await console.get("/incidents")
    assert (
        "Ended by a failure" in page
        and "doing it again does no harm" in page
        and f'href="/instances/{INSTANCE}"' in page
    )

"""People's answers over HTTP: taken once, refused with the processor's reason."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from schemas.messages import HUMAN_ACTION, HUMAN_TASK
from streams.processors.human import ACTIONS
from streams.processors.human.fields import OPEN
from streams.processors.human.processor import Human
from tests.support.desk import INSTANCE, TASK_ID, Desk, command, message
from tests.support.gateways import CODEC, NOW_S, Gateway

PATH = f"/v1/tasks/{TASK_ID}"
ANSWER = {"outcome": "approve", "actor": "kim", "data": {"note": "fine"}}


class Office:
    """The processor and the view behind a gateway: takes what the gateway has published."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._desk = Desk()
        self._taken = 0
        self._show(self._desk.deliver(command()))

    def work(self) -> None:
        for record in self._gateway.outbox.records[self._taken :]:
            self._show(self._desk.deliver(message(*CODEC.decode(record.value), at_ms=NOW_S * 1000)))
            self._taken += 1

    def _show(self, effects: Any) -> None:
        for task in self._desk.decoded(effects, HUMAN_TASK):
            self._gateway.see(HUMAN_TASK, task)

    async def complete(self, body: Any, **headers: str) -> tuple[int, Any]:
        """As `act`, with an answer."""
        return await self.act("complete", body, **headers)

    async def act(self, verb: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Asks, lets the processor work meanwhile, and gives the answer."""
        asked = asyncio.create_task(self._gateway.ask("POST", f"{PATH}/{verb}", json=body, headers=headers))
        while not asked.done():
            await asyncio.sleep(0)
            self.work()
        return await asked


@pytest.fixture
def office(gateway: Gateway) -> Office:
    object.__setattr__(gateway.services, "answer_timeout_s", 10.0)
    return Office(gateway)


def test_office_is_run_by_the_real_processor(office: Office) -> None:
    assert type(office._desk.processor) is Human


async def test_task_is_shown_with_form_and_input(gateway: Gateway, office: Office) -> None:
    status, task = await gateway.ask("GET", PATH)
    assert (status, task["team"], task["input"], task["form"]["required"]) == (200, "credit", {"score": 0.4}, ["note"])
    assert (task["overdue"], task["due"]) == (False, "2026-09-23T14:13:20.000Z")


async def test_encoded_task_id_is_understood(gateway: Gateway, office: Office) -> None:
    async with gateway.client.get(f"/v1/tasks/{TASK_ID.replace('/', '%2F')}") as response:
        assert response.status == 200


async def test_tasks_are_listed_by_team_and_status(gateway: Gateway, office: Office) -> None:
    _, listed = await gateway.ask("GET", "/v1/tasks?team=credit&status=open")
    assert [task["task_id"] for task in listed["tasks"]] == [TASK_ID]
    assert "input" not in listed["tasks"][0]
    assert (await gateway.ask("GET", "/v1/tasks?team=other"))[1]["tasks"] == []


async def test_answer_completes_the_task(gateway: Gateway, office: Office) -> None:
    status, task = await office.complete({**ANSWER, "expected_version": 1})
    (record,) = gateway.outbox.records
    assert (status, task["status"], task["outcome"], task["completed_by"]) == (200, "completed", "approve", "kim")
    assert (record.topic, record.key) == (ACTIONS, INSTANCE.encode())


async def test_same_key_answers_once(office: Office) -> None:
    first = await office.complete(ANSWER, **{"Idempotency-Key": "k-1"})
    second = await office.complete(ANSWER, **{"Idempotency-Key": "k-1"})
    assert (first[0], second) == (200, first)


async def test_second_answer_is_refused(office: Office) -> None:
    await office.complete(ANSWER)
    status, problem = await office.complete(ANSWER | {"outcome": "decline"})
    assert (status, problem["type"]) == (409, "urn:exlify:problem:task-closed")


async def test_claimed_task_is_kept_from_others_until_it_is_released(gateway: Gateway, office: Office) -> None:
    status, task = await office.act("claim", {"actor": "kim"})
    assert (status, task["assignee"], task["assigned_until"]) == (200, "kim", "2026-09-21T14:43:20.000Z")
    status, problem = await office.complete(ANSWER | {"actor": "bo"})
    assert (status, problem["type"]) == (409, "urn:exlify:problem:task-claimed")
    assert "kim has claimed the task, until 2026-09-21T14:43:20.000Z" in problem["detail"]
    assert (await office.act("release", {"actor": "kim"}))[1]["assignee"] is None
    assert (await office.complete(ANSWER | {"actor": "bo"}))[0] == 200
    row = gateway.services.reader.task(TASK_ID)
    assert row is not None and (row["status"], row["completed_by"]) == ("completed", "bo")


async def test_claim_that_is_asked_for_again_was_taken_whatever_came_after(office: Office) -> None:
    await office.act("claim", {"actor": "kim"}, **{"Idempotency-Key": "k-1"})
    await office.act("release", {"actor": "kim"})
    assert (await office.act("claim", {"actor": "kim"}, **{"Idempotency-Key": "k-1"}))[1]["assignee"] is None


async def test_task_is_put_aside_and_an_answer_is_taken_back(office: Office) -> None:
    until = {"until": "2026-09-22T00:00:00Z"}
    assert (await office.act("put-aside", {"actor": "kim", **until}))[1]["aside_until"] == "2026-09-22T00:00:00.000Z"
    _, task = await office.complete(ANSWER | {"undo_until": "2026-09-21T14:14:00Z"})
    assert (task["status"], task["outcome"], task["settles_at"]) == ("answered", "approve", "2026-09-21T14:14:00.000Z")
    assert (await office.act("undo", {"actor": "bo"}))[0] == 409
    status, task = await office.act("undo", {"actor": "kim"})
    assert (status, task["status"], task["outcome"], task["version"]) == (200, "open", None, 3)


async def test_task_is_given_to_a_colleague(gateway: Gateway, office: Office) -> None:
    status, task = await office.act("delegate", {"actor": "kim", "to": "bo"})
    assert (status, task["assignee"]) == (200, "bo")
    assert (await office.act("delegate", {"actor": "kim", "to": "ada"}))[0] == 409
    assert (await office.act("delegate", {"actor": "bo", "to": " "}))[0] == 422


async def test_task_is_commented_on_whoever_has_claimed_it(gateway: Gateway, office: Office) -> None:
    await office.act("claim", {"actor": "kim"})
    said = {"actor": "bo", "text": "waits for the bank"}
    for _ in range(2):
        status, task = await office.act("comment", said, **{"Idempotency-Key": "c-1"})
        ((actor, text),) = [(each["actor"], each["text"]) for each in task["comments"]]
        assert (status, task["assignee"], actor, text) == (200, "kim", "bo", "waits for the bank")
    before = len(gateway.outbox.records)
    for text in ("", " ", "x" * 1_001):
        status, problem = await office.act("comment", said | {"text": text})
        assert (status, "1 to 1,000" in problem["detail"]) == (422, True)
    assert len(gateway.outbox.records) == before


@pytest.mark.parametrize("until", ["soon", "2026-09-22T00:00:00", "2020-01-01T00:00:00Z", 7])
async def test_claim_until_no_time_to_come_is_refused(gateway: Gateway, office: Office, until: Any) -> None:
    assert (await office.act("claim", {"actor": "kim", "until": until}))[0] == 422
    assert gateway.outbox.records == []


async def test_answer_to_an_old_version_is_refused(office: Office) -> None:
    status, problem = await office.complete({**ANSWER, "expected_version": 9})
    assert (status, problem["type"], problem["version"]) == (409, "urn:exlify:problem:stale-version", 1)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "shrug"},
        {"data": {"note": "too long"}},
        {"data": {}},
        {"actor": None},
        {"expected_version": True},
        {"x": 1},
    ],
)
async def test_unfit_answer_never_reaches_kafka(gateway: Gateway, office: Office, change: dict[str, Any]) -> None:
    status, problem = await office.complete(ANSWER | change)
    assert (status, gateway.outbox.records) == (422, [])
    assert "too long" not in json.dumps(problem)


async def test_slow_processor_leaves_the_answer_open(gateway: Gateway) -> None:
    Office(gateway)
    status, taken = await gateway.ask("POST", f"{PATH}/complete", json=ANSWER)
    ((name, action),) = gateway.outbox.decoded()
    assert (status, name, taken["action_id"]) == (202, HUMAN_ACTION, action["action_id"])


async def test_unknown_task_is_not_found(gateway: Gateway) -> None:
    assert (await gateway.ask("GET", "/v1/tasks/none"))[0] == 404
    assert (await gateway.ask("POST", "/v1/tasks/none/complete", json=ANSWER))[0] == 404


async def test_task_behind_its_due_time_is_overdue(gateway: Gateway, office: Office) -> None:
    object.__setattr__(gateway.services, "clock", lambda: NOW_S + 3 * 86_400)
    _, task = await gateway.ask("GET", PATH)
    assert (task["overdue"], task["status"]) == (True, OPEN)

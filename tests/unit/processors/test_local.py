"""One instance in this process: real calls to a server on loopback, real time, answers in place of people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from schemas.cloudevents import CloudEvent
from streams import local
from streams.catalogue import load_settings
from streams.ground.errors import UsageError
from streams.ground.settings import Settings
from streams.local import Report, run_locally
from streams.processors import ALL
from streams.processors.call.processor import Call
from streams.processors.human.local import Answer, Answers
from tests.support.definitions import load

DOCUMENT = "document: {dsl: '1.0.3', namespace: tests, name: local, version: '1.0.0'}\ndo:\n"
HUMAN = "call: human, with: {team: risk, title: Check, outcomes: [approve, reject], form: {type: object}}"


async def run(tasks: str, data: object = None, answers: Answers | None = None) -> Report:
    return await run_locally(load(DOCUMENT + tasks), {} if data is None else data, answers or {}, settings(), ALL)


def settings() -> Settings:
    return load_settings({})


class Meeting:
    """A server that answers only once as many callers are there as were expected."""

    def __init__(self, expected: int) -> None:
        self._barrier = asyncio.Barrier(expected)

    async def answer(self, request: web.Request) -> web.Response:
        await self._barrier.wait()
        return web.json_response({"who": request.path})


@pytest.fixture
async def meeting() -> AsyncIterator[TestServer]:
    """A server for two callers at once."""
    app = web.Application()
    app.router.add_get("/{name}", Meeting(2).answer)
    server = TestServer(app)
    async with server:
        yield server


async def test_branches_are_carried_out_side_by_side(meeting: TestServer) -> None:
    calls = "".join(
        f"        - {name}: {{call: http, with: {{method: get, endpoint: '{meeting.make_url(name)}'}}}}\n"
        for name in "ab"
    )
    report = await run(f"  - f:\n      fork:\n       branches:\n{calls}")
    assert report.output == [{"who": "/a"}, {"who": "/b"}]
    assert report.tasks == ["/do/0/f", "/do/0/f/fork/branches/0/a", "/do/0/f/fork/branches/1/b"]


async def test_waits_take_real_time() -> None:
    before = asyncio.get_running_loop().time()
    report = await run("  - w: {wait: {milliseconds: 50}}\n", {"n": 1})
    assert (report.status, report.output) == ("completed", {"n": 1})
    assert asyncio.get_running_loop().time() - before >= 0.05


async def test_call_that_is_too_slow_is_interrupted() -> None:
    app = web.Application()
    app.router.add_get("/never", Meeting(2).answer)
    async with TestServer(app) as server:
        report = await run(
            f"  - c: {{call: http, with: {{method: get, endpoint: '{server.make_url('/never')}'}},"
            " timeout: {after: {milliseconds: 100}}}\n"
        )
    assert report.status == "faulted"
    assert report.error is not None
    assert (report.error["status"], report.error["instance"]) == (408, "/do/0/c")


async def test_opening_is_over_before_the_time_of_a_task_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it waits for no Kafka, and tells of none: there is none."""
    order: list[str] = []
    opened, start = Call.open, local._start

    async def noted_open(call: Call) -> None:
        await opened(call)
        order.append("opened")

    def noted_start(*arguments: Any) -> Any:
        order.append("started")
        return start(*arguments)

    monkeypatch.setattr(Call, "open", noted_open)
    monkeypatch.setattr(local, "_start", noted_start)
    with capture_logs() as logged:
        await run("  - c: {call: http, with: {method: get, endpoint: 'connection://nowhere/'}}\n")
    assert order == ["opened", "started"]
    assert logged == []


@pytest.mark.parametrize("task", ["check", "/do/0/check"])
async def test_answer_is_found_by_name_or_pointer(task: str) -> None:
    report = await run(f"  - check: {{{HUMAN}}}\n", None, {task: [Answer("approve", {"note": "fine"})]})
    assert report.output["outcome"] == "approve"
    assert report.output["data"] == {"note": "fine"}


async def test_answers_to_one_task_are_given_in_turn() -> None:
    each = f"{{check: {{{HUMAN}, output: {{as: '${{ $input + [.outcome] }}'}}}}}}"
    loop = f"  - l:\n      for: {{in: '${{ [1, 2, 3] }}'}}\n      do: [{each}]\n"
    report = await run(loop, [], {"check": [Answer("reject"), Answer("approve")]})
    assert report.output == ["reject", "approve", "approve"]


async def test_missing_answer_says_what_to_write() -> None:
    with pytest.raises(UsageError, match="--answer check=OUTCOME, where OUTCOME is approve or reject"):
        await run(f"  - check: {{{HUMAN}}}\n")


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ({"check": [Answer("maybe")]}, "choose one of approve, reject"),
        ({"check": [Answer("approve", "text")]}, "does not follow the form"),
        ({"chekc": [Answer("approve")]}, "no such human task. It has check"),
    ],
)
async def test_answer_that_cannot_be_taken_is_refused(answers: Answers, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        await run(f"  - check: {{{HUMAN}}}\n", None, answers)


async def test_decisions_are_asked_of_the_registry() -> None:
    report = await run("  - d: {call: decide, with: {model: no-such-model, input: '${ . }'}}\n")
    assert report.error is not None
    assert report.error["reason"] == "MISCONFIGURED"


LISTEN = """
  - w:
      listen: {to: {one: {with: {type: paid.v1}, correlate: {order: {from: .order, expect: '${ .id }'}}}}}
      timeout: {after: PT5S}
"""
EMIT = "{emit: {event: {with: {type: paid.v1, data: '${ {order: .id} }'}}}}"


@pytest.mark.parametrize(("order", "status"), [(5, "completed"), (6, "faulted")])
async def test_events_may_happen_before_the_instance_listens(order: int, status: str) -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "paid.v1"}
    events = [CloudEvent(attributes, {"order": order}), CloudEvent(attributes | {"type": "sent.v1"}, {"order": 5})]
    graph = load(DOCUMENT + LISTEN)
    report = await run_locally(graph, {"id": 5}, {}, settings(), ALL, virtual_time=True, events=events)
    assert report.status == status
    assert report.output == ([{"order": 5}] if status == "completed" else None)


@pytest.mark.parametrize("virtual_time", [False, True])
async def test_what_nobody_tells_is_not_waited_for_without_end(virtual_time: bool) -> None:
    graph = load(DOCUMENT + LISTEN.replace("      timeout: {after: PT5S}\n", ""))
    others = [CloudEvent({"specversion": "1.0", "id": "1", "source": "/t", "type": "paid.v1"}, {"order": 6})]
    with pytest.raises(UsageError, match=r"/do/0/\w+: .* listens for paid.v1. Give it with --event '.*paid.v1"):
        await run_locally(graph, {"id": 5}, {}, settings(), ALL, virtual_time=virtual_time, events=others)


async def test_branch_listens_for_what_another_emits() -> None:
    branches = LISTEN.replace("\n", "\n        ").rstrip() + f"\n          - e: {EMIT}\n"
    report = await run(f"  - f:\n      fork:\n        branches:{branches}", {"id": 5})
    assert report.output[0] == [{"order": 5}]

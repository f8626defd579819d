"""From a failed call to its end: tried again, fallen back, caught, or waiting for people.

Engine, processors and systems are real; what the systems were asked is what counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from schemas.ids import step_id
from tests.support import peers
from tests.support.journeys import Journey, settings_in, travelling

HEAD = "document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}\ndo:\n"
QUICK = "backoff: constant, delay: {milliseconds: 1}"


class Systems:
    """Two systems that answer as told, by path and in turn, and remember what they were asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.keys: dict[str, set[str | None]] = {}
        self.answers: dict[str, list[int]] = {}

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.asked[path] += 1
        self.keys.setdefault(path, set()).add(request.headers.get("Idempotency-Key"))
        turn = self.answers.get(path, [200])
        status = turn[min(self.asked[path], len(turn)) - 1]
        return web.json_response({"by": path, "rating": 7}, status=status)


@pytest.fixture
async def systems() -> AsyncIterator[tuple[Systems, str]]:
    made = Systems()
    app = web.Application()
    app.router.add_route("*", "/{name}", made.answer)
    async with TestServer(app) as server:
        yield made, str(server.make_url("/")).rstrip("/")


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with travelling(settings_in(tmp_path)) as started:
        yield started


def call(url: str, path: str, recovery: str = "", method: str = "post", more: str = "") -> str:
    metadata = f", metadata: {{{more}{', ' if more and recovery else ''}{recovery and f'recovery: {recovery}'}}}"
    return f"  - ask: {{call: http, with: {{method: {method}, endpoint: {{uri: '{url}{path}'}}}}{metadata}}}\n"


async def history(journey: Journey, instance: str, phase: str) -> list[dict[str, Any]]:
    _, shown = await journey.gateway.ask("GET", f"/v1/instances/{instance}")
    moved = [each for entry in shown["history"] for each in entry["transitions"]]
    return [each["data"] for each in moved if each["phase"] == phase]


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_n_retries_are_n_more_requests_with_one_key(
    journey: Journey, systems: tuple[Systems, str], retries: int
) -> None:
    made, url = systems
    made.answers["/a"] = [503]
    text = HEAD + call(url, "/a", f"{{retries: {retries}, {QUICK}}}", more="effect: keyed")
    instance = journey.start(journey.deploy(text))
    await journey.status(instance, "incident")
    assert made.asked["/a"] == retries + 1
    assert len(made.keys["/a"]) == 1
    told = await history(journey, instance, "task.retried")
    assert [(each["by"], each["retry"], each["of"]) for each in told] == [
        ("recover", number, retries) for number in range(1, retries + 1)
    ]
    assert all(each["because"]["reason"] == "UNREACHED" and each["at"] for each in told)


async def test_a_call_that_declares_nothing_is_asked_three_times_where_that_is_certain(
    journey: Journey, systems: tuple[Systems, str]
) -> None:
    made, url = systems
    made.answers["/a"] = [503, 503, 200]
    instance = journey.start(journey.deploy(HEAD + call(url, "/a")))
    assert (await journey.outcome(instance))["status"] == "completed"
    assert made.asked["/a"] == 3


async def test_what_may_have_happened_is_not_done_again_but_shown_as_a_doubt(
    journey: Journey, systems: tuple[Systems, str]
) -> None:
    made, url = systems
    made.answers["/a"] = [500]
    fallback = f"{{retries: 5, fallback: [{{call: http, with: {{method: post, endpoint: '{url}/b'}}}}]}}"
    instance = journey.start(journey.deploy(HEAD + call(url, "/a", fallback)))
    await journey.status(instance, "incident")
    assert made.asked == {"/a": 1}
    _, found = await journey.gateway.ask("GET", "/v1/incidents?reason=OUTCOME_UNKNOWN")
    assert [each["error"]["effect"] for each in found["incidents"]] == ["unknown"]


async def test_where_a_catch_retries_the_step_is_tried_again_and_then_caught(
    journey: Journey, systems: tuple[Systems, str]
) -> None:
    made, url = systems
    made.answers["/a"] = [503]
    text = f"""{HEAD}  - guard:
      try:
{call(url, "/ok").replace("ask", "first").replace("  - ", "        - ")}{call(url, "/a").replace("  - ", "        - ")}
      catch:
        errors: {{with: {{status: 503}}}}
        retry: {{delay: {{milliseconds: 1}}, limit: {{attempt: {{count: 4}}}}}}
        do: [{{late: {{set: {{caught: true}}}}}}]
"""
    instance = journey.start(journey.deploy(text))
    assert (await journey.outcome(instance))["output"] == {"caught": True}
    assert made.asked == {"/ok": 1, "/a": 5}


@asynccontextmanager
async def fallen_to_people(journey: Journey, made: Systems, url: str) -> AsyncIterator[str]:
    made.answers |= {"/a": [503], "/b": [404]}
    recovery = f"""
          retries: 2
          backoff: constant
          delay: {{milliseconds: 1}}
          fallback:
            - {{call: http, with: {{method: get, endpoint: '{url}/b'}}, as: '${{ {{score: .rating}} }}'}}
            - call: human
              with: {{team: desk, title: Ask by phone, outcomes: [done], input: '${{ {{why: $error.title}} }}'}}
              as: '${{ {{score: .data.score}} }}'"""
    text = f"""{HEAD}  - ask:
      call: http
      with: {{method: post, endpoint: '{url}/a'}}
      metadata:
        recovery:{recovery}
  - note: {{set: '${{ {{got: .score}} }}'}}
"""
    yield journey.start(journey.deploy(text))


async def test_who_is_away_is_replaced_by_another_and_then_by_people(
    journey: Journey, systems: tuple[Systems, str]
) -> None:
    made, url = systems
    async with fallen_to_people(journey, made, url) as instance:
        await journey.status(instance, "waiting")
        assert made.asked == {"/a": 3, "/b": 1}
        _, tasks = await journey.gateway.ask("GET", "/v1/tasks")
        task = tasks["tasks"][0]["task_id"]
        _, shown = await journey.gateway.ask("GET", f"/v1/tasks/{task}")
        assert (shown["team"], shown["input"]) == ("desk", {"why": "What the call refers to does not exist"})
        answer = {"outcome": "done", "data": {"score": 4}, "actor": "kim"}
        assert (await journey.gateway.ask("POST", f"/v1/tasks/{task}/complete", json=answer))[0] == 200
        assert (await journey.outcome(instance))["output"] == {"got": 4}
        fallen = [each["function"] for each in await history(journey, instance, "task.retried") if "function" in each]
        assert fallen == ["http", "human"]


async def test_the_answer_of_another_system_is_made_that_of_the_first(
    journey: Journey, systems: tuple[Systems, str]
) -> None:
    made, url = systems
    async with fallen_to_people(journey, made, url) as instance:
        made.answers["/b"] = [200]
        assert (await journey.outcome(instance))["output"] == {"got": 7}
        assert made.keys["/a"].isdisjoint(made.keys["/b"])


async def test_step_that_waits_for_its_next_try_is_seen_and_need_not_wait(
    journey: Journey, systems: tuple[Systems, str]
) -> None:
    made, url = systems
    made.answers["/a"] = [503, 200]
    slow = "{retries: 4, backoff: constant, delay: {hours: 1}, jitter: none}"
    instance = journey.start(journey.deploy(HEAD + call(url, "/a", slow)))
    await journey.seen(lambda: bool(journey.gateway.services.reader.retrying([instance])))
    _, found = await journey.gateway.ask("GET", "/v1/instances?retrying=true")
    ((step,),) = [each["retrying"] for each in found["instances"]]
    assert (step["pointer"], step["retry"], step["left"], step["reason"]) == ("/do/0/ask", 1, 4, "UNREACHED")
    path, wish = f"/v1/instances/{instance}/retry-now", {"why": "it is well again", "actor": "kim"}
    assert (await journey.gateway.ask("POST", path, json={**wish, "task": "/do/9/x"}))[0] == 409
    status, told = await journey.gateway.ask("POST", path, json=wish)
    assert (status, told["retries"]) == (200, [{"pointer": "/do/0/ask", "retry": 1, "begun": True}])
    assert (await journey.outcome(instance))["status"] == "completed"
    assert made.asked == {"/a": 2}
    said = await history(journey, instance, "task.retried")
    assert [(each["by"], each.get("why")) for each in said] == [("recover", None), ("kim", "it is well again")]
    assert (await journey.gateway.ask("POST", path, json=wish))[0] == 409
    assert (await journey.gateway.ask("GET", "/v1/instances?retrying=true"))[1]["instances"] == []


@pytest.mark.parametrize(
    ("head", "recovery", "requests", "whose"),
    [
        (HEAD, "", 5, "connection erp"),
        (HEAD.replace("'1.0.0'}", f"'1.0.0', metadata: {{recovery: {{retries: 1, {QUICK}}}}}}}"), "", 2, "definition"),
        (HEAD, f"{{retries: 2, {QUICK}}}", 3, "definition"),
    ],
)
async def test_connection_says_how_it_is_tried_again_where_no_definition_does(
    tmp_path: Path, systems: tuple[Systems, str], head: str, recovery: str, requests: int, whose: str
) -> None:
    made, url = systems
    made.answers["/a"] = [503]
    settings = settings_in(tmp_path)
    given = "{retries: 4, backoff: constant, delay: 1ms}"
    (settings.site_dir / "connections.yaml").write_text(f"erp: {{url: '{url}', recovery: {given}}}\n")
    async with travelling(settings) as journey:
        instance = journey.start(journey.deploy(head + call("connection://erp", "/a", recovery)))
        await journey.status(instance, "incident")
        assert made.asked["/a"] == requests
        assert {each["policy"] for each in await history(journey, instance, "task.retried")} == {whose}


FOUND = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"no":7}'


@pytest.mark.parametrize(
    ("answers", "requests", "end"),
    [
        ((peers.resets, peers.answers(FOUND)), ["POST", "GET"], "completed"),
        ((peers.resets, peers.status(404), peers.answers(FOUND)), ["POST", "GET", "POST"], "completed"),
        ((peers.resets, peers.status(503), peers.answers(FOUND)), ["POST", "GET", "GET"], "completed"),
        ((peers.resets, peers.status(503), peers.status(503)), ["POST", "GET", "GET"], "incident"),
    ],
    ids=["done", "not done", "told later", "not told"],
)
async def test_of_an_effect_in_doubt_the_system_is_asked(
    journey: Journey, answers: tuple[peers.Act, ...], requests: list[str], end: str
) -> None:
    async with peers.peer(*answers) as ledger:
        text = f"""{HEAD}  - ask:
      call: http
      with: {{method: post, endpoint: {{uri: '{ledger.url}/bookings'}}}}
      metadata:
        effect: probed
        probe: {{call: http, with: {{method: get, endpoint: '${{ "{ledger.url}/bookings?step=" + ($key | @uri) }}'}}}}
        recovery: {{retries: 2, {QUICK}}}
"""
        instance = journey.start(journey.deploy(text))
        assert await journey.status(instance, "completed", "incident") == end
        assert [each.partition(b" ")[0].decode() for each in ledger.requests] == requests
        key = step_id(instance, "/do/0/ask", 0, 0)
        assert f"/bookings?step={quote(key, safe='')} ".encode() in ledger.requests[1]
    if end == "completed":
        assert journey.outcomes[instance]["output"] == {"no": 7}
    else:
        _, found = await journey.gateway.ask("GET", "/v1/incidents?reason=OUTCOME_UNKNOWN")
        assert "cannot be told now" in found["incidents"][0]["error"]["detail"]


async def test_doubt_of_an_earlier_try_stays_where_later_ones_are_refused(journey: Journey) -> None:
    async with peers.peer(peers.resets, peers.status(429), peers.status(429), peers.answers(FOUND)) as ledger:
        other = f"{{call: http, with: {{method: post, endpoint: '{ledger.url}/other'}}}}"
        recovery = f"{{retries: 2, {QUICK}, fallback: [{other}]}}"
        instance = journey.start(journey.deploy(HEAD + call(ledger.url, "/a", recovery, more="effect: keyed")))
        await journey.status(instance, "incident", "completed")
        assert [each.split(b" ")[1] for each in ledger.requests] == [b"/a"] * 3, "nobody else does what may be done"
    _, found = await journey.gateway.ask("GET", "/v1/incidents?reason=OUTCOME_UNKNOWN")
    assert [each["error"]["reason"] for each in found["incidents"]] == ["RATE_LIMITED"]

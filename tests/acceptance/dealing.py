"""A workflow whose tasks are given to people (`assign`): who there is, people who answer what is theirs, and what is to
be true afterwards, whatever was killed meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientSession

from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.messages import ASSIGN_WORK
from streams.processors import assign
from streams.processors.assign import people
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import ASK, LOOK_S, Site

SOURCE, WORKFLOW, EVENT, TEAM = "acceptance", "dealt", "acceptance.dealt.v1", "dealers"
GERMAN = 3  # every so many tasks need it, and ada alone has it of those who are there
CAPACITY = {"ada": 3, "bo": 2, "kim": 2}
WHO = f"""
ada: {{teams: [{TEAM}], skills: [german], capacity: {CAPACITY["ada"]}}}
bo: {{teams: [{TEAM}], capacity: {CAPACITY["bo"]}}}
kim: {{teams: [{TEAM}], skills: [dutch], capacity: {CAPACITY["kim"]}}}
lee: {{teams: [{TEAM}], skills: [german], away: [{{from: 2020-01-01, until: 2100-01-01}}]}}
max: {{teams: [others], skills: [german]}}
"""
DEFINITION = f"""
document: {{ dsl: 1.0.3, namespace: acceptance, name: {WORKFLOW}, version: 1.0.0 }}
schedule: {{ on: {{ one: {{ with: {{ type: {EVENT} }} }} }} }}
do:
  - sort:
      call: human
      with:
        team: {TEAM}
        title: Sort
        input: '${{ . }}'
        outcomes: [done]
        assign: {{ kind: letters, skills: '${{ .skills }}' }}
      output: {{ as: '${{ {{by: .completedBy, skills: $input.skills}} }}' }}
"""


async def prepare(site: Site) -> None:
    """Says who there is, and deploys it; events that come afterwards start it."""
    (site.settings.data_dir / "site" / people.FILE).write_text(WHO)
    await site.deploy(DEFINITION)
    await site.until(lambda: site.applied("steps", people.FILE), "the people known")


def forget(site: Site) -> None:
    """There is nobody any more."""
    (site.settings.data_dir / "site" / people.FILE).unlink()


async def happen(site: Site, numbers: Iterable[int]) -> None:
    """One event of each number, twice."""
    events = [
        CloudEvent(
            {"specversion": "1.0", "id": f"{number}", "source": SOURCE, "type": EVENT},
            {"skills": ["german"] if number % GERMAN == 0 else []},
        )
        for number in numbers
    ]
    await site.publish(event for event in events for _ in range(2))


def instances(numbers: Iterable[int]) -> list[str]:
    """Those that these events start."""
    return [ids.instance_id(WORKFLOW, SOURCE, f"{number}") for number in numbers]


async def all_have_what_they_can(site: Site, left: int) -> None:
    """Returns once everybody has as many of the open tasks as they may, and this many lie with nobody."""
    async with ClientSession(site.gateway, timeout=ASK) as http:

        async def they_do() -> bool:
            given = Counter(each["given_to"] for each in await _listed(http))
            return given.pop(None, 0) == left and given == CAPACITY

        await site.until(they_do, "tasks given to all")


@asynccontextmanager
async def answering(site: Site) -> AsyncIterator[None]:
    """Each of the people answers what is theirs, one after the other, while the context lasts."""
    working = [asyncio.create_task(_answer(site, name)) for name in CAPACITY]
    try:
        yield
    finally:
        for each in working:
            each.cancel()
        told = await asyncio.gather(*working, return_exceptions=True)
        for failed in (each for each in told if isinstance(each, Exception)):
            raise failed


async def verified(site: Site, subscriber: Subscriber, numbers: Sequence[int]) -> None:
    """All were answered, once, by somebody who can, whose they were; and nobody ever had more than their capacity."""
    outcomes = await subscriber.all_ended()
    assert not outcomes.contradicted
    told = [outcome["output"].value() for outcome in outcomes.decoded.values()]
    assert len(told) == len(numbers) and {each["by"] for each in told} == {*CAPACITY}
    assert {each["by"] for each in told if each["skills"]} == {"ada"}
    await site.quiet()
    _never_too_many(site.decoded(assign.WORK, ASSIGN_WORK), {*instances(numbers)})


def _never_too_many(work: Iterable[dict[str, Any]], of: set[str]) -> None:
    """By the states of the tasks in the order in which the desk was told of them; copies of older ones say nothing."""
    newest: dict[str, tuple[int, int]] = {}
    lies_with: dict[str, str | None] = {}
    for each in work:
        task, state = each["task_id"], (each["version"], each["updated_at_ms"])
        if each["instance_id"] not in of or state <= newest.get(task, (-1, -1)):
            continue
        newest[task] = state
        if each["open"]:
            lies_with[task] = each["given_to"]
        else:
            assert lies_with.pop(task) == each["completed_by"], "answered by another than it was given to"
        counted = Counter(filter(None, lies_with.values()))
        assert all(counted[name] <= CAPACITY[name] for name in counted), counted
    assert len(newest) == len(of) and not lies_with


async def _answer(site: Site, name: str) -> None:
    async with ClientSession(site.gateway, timeout=ASK) as http:
        while True:
            for task in await _listed(http, given_to=name):
                await _completed(http, task["task_id"], name)
            await asyncio.sleep(LOOK_S)


async def _listed(http: ClientSession, **query: str) -> list[dict[str, Any]]:
    try:
        async with http.get("/v1/tasks", params={"team": TEAM, "status": "open", "limit": "500", **query}) as reply:
            return (await reply.json())["tasks"] if reply.status == 200 else []
    except (ClientError, TimeoutError):
        return []  # the next look finds them


async def _completed(http: ClientSession, task_id: str, name: str) -> None:
    """An unclear answer is given again under the same key, which counts once."""
    said, key = {"outcome": "done", "actor": name}, {"Idempotency-Key": f"{name} {task_id}"}
    try:
        async with http.post(f"/v1/tasks/{quote(task_id, safe='')}/complete", json=said, headers=key) as reply:
            assert reply.status in (200, 202, 409) or reply.status >= 500, await reply.text()
    except (ClientError, TimeoutError):
        pass

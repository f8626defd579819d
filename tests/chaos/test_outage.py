"""System A goes away: System B does its work, in its own shape; then people do. System A is back: so is the traffic,
one by one at first."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from streams.runtime.clock import now_ms
from tests.acceptance.site import ASK, GATEWAY, Site
from tests.chaos import evidence
from tests.chaos.run import Plan, scene
from tests.support.figures import Report

pytestmark = [pytest.mark.broker, pytest.mark.chaos]
EACH = 60  # applications of each phase
TRIPS = 5  # failures in a row, by which a system counts as away
WORKERS = ("engine", "steps", "view", GATEWAY)


async def charged_by_hand(site: Site, wanted: int) -> int:
    """People do what they are asked to; gives how many tasks that were."""
    done: set[str] = set()
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:

        async def all_done() -> bool:
            reply = await http.get("/v1/tasks", params={"team": "cashiers", "status": "open", "limit": "500"})
            for task in (await reply.json())["tasks"]:
                if task["task_id"] not in done:
                    answer = {"outcome": "charged", "actor": "cashier", "data": {}}
                    await http.post(f"/v1/tasks/{quote(task['task_id'])}/complete", json=answer)
                    done.add(task["task_id"])
            return len(done) >= wanted

        await site.until(all_done, "a task for each application")
    return len(done)


def first(lines: Iterable[dict[str, Any]], system: str, since_ms: int, number: int = 1) -> int:
    """How long after a moment so many lines of a system have come, in milliseconds."""
    times = sorted(line["at_ms"] for line in lines if line["system"] == system and line["at_ms"] >= since_ms)
    return int(times[number - 1]) - since_ms


def test_work_goes_to_the_next_and_comes_back_gradually(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    seed = pytestconfig.getoption("--seed")
    plan = Plan(seed, 4 * EACH, 0, WORKERS, False, faults="slow", workflow="outage", patience="2s")
    with scene(plan, tmp_path) as stage:
        stage.feed(EACH)
        stage.settled()
        away_ms = now_ms()
        stage.away("charges")
        stage.feed(EACH)
        stage.settled()
        both_ms = now_ms()
        stage.away("charges", "till")
        stage.feed(EACH)
        by_hand = asyncio.run(charged_by_hand(stage.site, EACH))
        stage.settled()
        people_ms = now_ms()
        back_ms = now_ms()
        stage.away()
        stage.feed(EACH)
        stage.settled()
        assert not stage.watch.waiting and stage.watch.statuses == {"completed": 4 * EACH}
        cases = set(stage.cases.values())

    ledger, requests = evidence.ledger(tmp_path), evidence.requests(tmp_path)
    done = Counter(line["case"] for line in ledger if line["result"] == "done")
    by_system = Counter(line["system"] for line in ledger if line["result"] == "done")
    assert set(done.values()) == {1} and len(done) + by_hand == len(cases), "each was charged once, by whomever"
    assert by_hand == EACH
    asked = [line for line in requests if line["system"] == "charges"]
    refused = [line for line in asked if line["fault"] == "away"]
    assert len(refused) < 2 * EACH, "most of them wait for the breaker instead of asking"
    back = [line for line in asked if line["at_ms"] >= back_ms and line["fault"] != "away"]
    assert all(line["inside"] < max(1, line["well"]) for line in back), "no more at once than were well before"
    report(
        seed=seed,
        detected_ms=first(refused, "charges", away_ms, TRIPS),
        fallen_back_ms=first(ledger, "till", away_ms),
        at_people_ms=people_ms - both_ms,
        returned_ms=first(ledger, "charges", back_ms),
        refused=len(refused),
        by_system=dict(by_system),
        by_hand=by_hand,
        at_once_when_back=[line["inside"] + 1 for line in sorted(back, key=lambda line: line["at_ms"])][:20],
    )

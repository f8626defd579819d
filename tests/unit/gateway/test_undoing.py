"""Giving up over HTTP, with the real engine behind: what would be undone is told, is undone, or stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.journeys import UNDOING, Journey, undoing


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with undoing(tmp_path) as started:
        yield started


async def stopped(journey: Journey) -> str:
    instance = journey.start(journey.deploy(UNDOING), "1", {"n": 1})
    await journey.status(instance, "incident")
    return instance


async def ask(journey: Journey, instance: str, verb: str, **wish: Any) -> int:
    path = f"/v1/instances/{instance}/{verb}"
    said = {"reason": "not wanted"} if verb == "cancel" else {"why": "not wanted"}
    return (await journey.gateway.ask("POST", path, json={**said, "actor": "ann", **wish}))[0]


@pytest.mark.parametrize(("verb", "status"), [("fail", "faulted"), ("cancel", "cancelled")])
async def test_what_was_done_is_told_and_then_undone(journey: Journey, verb: str, status: str) -> None:
    instance = await stopped(journey)
    _, shown = await journey.gateway.ask("GET", f"/v1/instances/{instance}")
    assert shown["undo"] == ["/do/0/tell"]
    assert await ask(journey, instance, verb) in (200, 202)
    outcome = await journey.outcome(instance)
    assert (outcome["status"], outcome["undone"], outcome["standing"]) == (status, ["/do/0/tell"], None)
    _, shown = await journey.gateway.ask("GET", f"/v1/instances/{instance}")
    assert shown["undo"] == []
    phases = [each["phase"] for entry in shown["history"] for each in entry["transitions"]]
    assert phases[-4:] == ["task.started", "task.completed", "task.undone", f"workflow.{status}"]


@pytest.mark.parametrize(("verb", "status"), [("fail", "faulted"), ("cancel", "cancelled")])
async def test_what_was_done_stands_if_somebody_says_so(journey: Journey, verb: str, status: str) -> None:
    instance = await stopped(journey)
    assert await ask(journey, instance, verb, undo=False) in (200, 202)
    outcome = await journey.outcome(instance)
    assert (outcome["status"], outcome["undone"], outcome["standing"]) == (status, None, ["/do/0/tell"])

"""Instances under control over HTTP, with the real engine behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.console.queries import acts
from streams.definitions.states import State, Word
from tests.support.journeys import Journey, settings_in, travelling

ORDER = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0'}
do:
  - ask: {call: human, with: {team: t, title: x, outcomes: [ok], input: '${ . }'}}
  - note: {set: '${ {noted: $workflow.input.n} }'}
"""
NEXT = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.1.0'}
do:
  - before: {set: {x: 1}}
  - ask: {call: human, with: {team: t, title: x, outcomes: [ok], input: '${ . }'}}
  - note: {set: {noted: new}}
"""


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with travelling(settings_in(tmp_path)) as started:
        yield started


async def asked(journey: Journey) -> str:
    instance = journey.start(journey.deploy(ORDER.replace("$workflow.input.n", "$workflow.input.n")), "1", {"n": 1})
    await journey.status(instance, "waiting")
    return instance


async def say(journey: Journey, instance: str, verb: str, **wish: Any) -> tuple[int, Any]:
    body = {"why": "prices", "actor": "ann", **wish}
    return await journey.gateway.ask("POST", f"/v1/instances/{instance}/{verb}", json=body)


async def complete(journey: Journey, instance: str, task: str = "/do/0/ask") -> None:
    path = f"/v1/tasks/{instance}{task}/0/0/complete"
    status, told = await journey.gateway.ask("POST", path, json={"outcome": "ok", "actor": "kim"})
    assert status in (200, 202), told


async def test_suspended_instance_keeps_an_answer_and_goes_on_with_it(journey: Journey) -> None:
    instance = await asked(journey)
    assert await say(journey, instance, "suspend") == (
        200, {"instance_id": instance, "taken": True, "detail": None},
    )  # fmt: skip
    await complete(journey, instance)
    await journey.seen(lambda: journey.gateway.services.reader.instance(instance)["seq"] == 2)  # type: ignore[index]
    assert await journey.status(instance, "suspended", "completed") == "suspended"
    status, told = await say(journey, instance, "suspend")
    assert (status, "suspended already" in told["detail"]) == (409, True)
    assert (await say(journey, instance, "resume"))[0] == 200
    assert (await journey.outcome(instance))["output"] == {"noted": 1}
    assert (await say(journey, instance, "resume"))[0] == 409
    _, shown = await journey.gateway.ask("GET", f"/v1/instances/{instance}")
    (said,) = [each["data"] for entry in shown["history"] for each in entry["transitions"]
               if each["phase"] == "workflow.suspended"]  # fmt: skip
    assert (said["actor"], said["why"]) == ("ann", "prices")
    rows = acts(journey.gateway.services.reader, 2**62, 10)
    assert [(row["action"], row["actor"], row["refused"]) for row in reversed(rows)] == [
        ("suspend", "ann", False), ("suspend", "ann", True), ("resume", "ann", False),
    ]  # fmt: skip


async def test_waiting_instance_moves_to_a_version_with_the_task_elsewhere(journey: Journey) -> None:
    instance = await asked(journey)
    journey.deploy(NEXT)
    status, told = await say(journey, instance, "move", definition="latest")
    assert (status, "there is no /do/0/ask" in told["detail"]) == (409, True)
    places = {"/do/0/ask": "/do/1/ask"}
    assert (await say(journey, instance, "move", definition="1.1.0", places=places))[0] == 200
    _, shown = await journey.gateway.ask("GET", f"/v1/instances/{instance}")
    assert (shown["version"], [each["pointer"] for each in shown["waits_for"]]) == ("1.1.0", ["/do/1/ask"])
    await complete(journey, instance)
    assert (await journey.outcome(instance))["output"] == {"noted": "new"}


async def test_case_is_run_once_more_however_often_that_is_asked(journey: Journey) -> None:
    instance = await asked(journey)
    await complete(journey, instance)
    await journey.outcome(instance)
    again = {"json": {"why": "wrong rates", "actor": "ann"}, "headers": {"Idempotency-Key": "mine"}}
    path = f"/v1/instances/{instance}/rerun"
    first, second = [await journey.gateway.ask("POST", path, **again) for _ in range(2)]
    assert first == second and first[0] == 202
    started = first[1]["started"]
    await journey.status(started, "waiting")
    await complete(journey, started)
    assert (await journey.outcome(started))["output"] == {"noted": 1}
    _, shown = await journey.gateway.ask("GET", f"/v1/instances/{started}")
    rerun = shown["history"][0]["cause"]["rerun"]
    assert (rerun["of"], rerun["why"], rerun["actor"]) == (instance, "wrong rates", "ann")
    assert shown["business_key"] == "K-1"


async def test_case_begins_at_a_task_with_other_input(journey: Journey) -> None:
    instance = await asked(journey)
    status, told = await say(journey, instance, "rerun", task="note", input={"any": 1})
    assert status == 202
    assert (await journey.outcome(told["started"]))["output"] == {"noted": 1}
    status, told = await say(journey, instance, "rerun", input={"n": 5})
    await journey.status(told["started"], "waiting")
    await complete(journey, told["started"])
    assert (await journey.outcome(told["started"]))["output"] == {"noted": 5}


async def test_wish_that_means_nothing_is_refused(journey: Journey) -> None:
    instance = await asked(journey)
    wishes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("suspend", {"why": ""}),
        ("move", {"definition": "9.9.9"}),
        ("move", {"definition": "1.0.0", "places": {"ask": "other"}}),
        ("rerun", {"task": "nothing", "input": 1}),
        ("rerun", {"task": "note"}),
        ("rerun", {"context": {}}),
    )
    for verb, wish in wishes:
        assert (await say(journey, instance, verb, **wish))[0] == 422


async def test_nothing_is_run_again_of_a_paused_workflow(journey: Journey) -> None:
    instance = await asked(journey)
    word = Word(name="order", state=State.PAUSED, why="x", actor="y", at_ms=1)
    journey.gateway.services.definitions.learn_state(msgspec.structs.asdict(word))
    assert (await say(journey, instance, "rerun"))[0] == 409

"""Incidents over HTTP, with the real engine behind: listed, decided, refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.journeys import Journey, settings_in, travelling

ORDER = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.0', metadata: {owner: sales}}
do:
  - book: {call: http, with: {method: post, endpoint: {uri: connection://erp/orders}, body: '${ . }'}}
  - note: {set: {booked: true}}
"""

CORRECTED = """
document: {dsl: '1.0.3', namespace: tests, name: order, version: '1.0.1', metadata: {owner: sales}}
do:
  - book: {set: {id: 1}}
  - note: {set: {booked: true}}
"""


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    async with travelling(settings_in(tmp_path)) as started:
        yield started


async def stopped(journey: Journey, event_id: str = "1") -> str:
    instance = journey.start(journey.deploy(ORDER), event_id, {"n": 1})
    await journey.status(instance, "incident")
    return instance


async def decide(journey: Journey, instance: str, action: str, **wish: Any) -> tuple[int, Any]:
    return await journey.gateway.ask(
        "POST", f"/v1/instances/{instance}/{action}", json={"why": "mended", "actor": "ann", **wish}
    )


async def test_a_missing_connection_waits_and_says_for_what(journey: Journey) -> None:
    instance = await stopped(journey)
    status, listed = await journey.gateway.ask("GET", "/v1/incidents?status=open&reason=MISCONFIGURED")
    (incident,) = listed["incidents"]
    assert status == 200 and incident["instance_id"] == instance
    assert (incident["pointer"], incident["owner"], incident["function"]) == ("/do/0/book", "sales", "http")
    assert "connections.yaml" in incident["error"]["detail"]
    status, shown = await journey.gateway.ask("GET", f"/v1/incidents/{incident['incident_id']}")
    assert (status, shown) == (200, incident)


async def test_a_retry_says_what_the_engine_made_of_it(journey: Journey) -> None:
    instance = await stopped(journey)
    status, answer = await decide(journey, instance, "retry")
    assert status == 200
    (repair,) = answer["repairs"]
    assert repair["taken"] is True and repair["pointer"] == "/do/0/book"
    await journey.status(instance, "incident")  # it is still not there
    _, listed = await journey.gateway.ask("GET", f"/v1/incidents?instance_id={instance}")
    assert sorted(each["status"] for each in listed["incidents"]) == ["open", "retried"]


async def test_a_skip_goes_on_with_the_output(journey: Journey) -> None:
    instance = await stopped(journey)
    status, _ = await decide(journey, instance, "skip", output={"id": 7})
    assert status == 200
    assert (await journey.outcome(instance))["output"] == {"booked": True}


async def test_a_failure_by_hand_is_the_outcome(journey: Journey) -> None:
    instance = await stopped(journey)
    assert (await decide(journey, instance, "fail"))[0] == 200
    outcome = await journey.outcome(instance)
    assert (outcome["status"], outcome["error"]["reason"]) == ("faulted", "MISCONFIGURED")


async def test_what_has_ended_is_refused(journey: Journey) -> None:
    instance = await stopped(journey)
    await decide(journey, instance, "fail")
    await journey.outcome(instance)
    status, problem = await decide(journey, instance, "retry")
    assert (status, problem["type"]) == (409, "urn:exlify:problem:ended")


async def test_an_unfit_definition_is_refused_with_the_place(journey: Journey) -> None:
    instance = await stopped(journey)
    journey.deploy(ORDER.replace("1.0.0", "1.0.1").replace("- book:", "- enter:"))
    status, problem = await decide(journey, instance, "retry", definition="1.0.1")
    assert status == 409 and "/do/0/book" in problem["detail"]
    status, problem = await decide(journey, instance, "retry", definition="9.9.9")
    assert (status, problem["type"]) == (422, "urn:exlify:problem:definition-unknown")


async def test_a_corrected_definition_goes_on_at_the_same_place(journey: Journey) -> None:
    instance = await stopped(journey)
    corrected = journey.deploy(CORRECTED)
    assert (await decide(journey, instance, "retry", definition="latest"))[0] == 200
    assert (await journey.outcome(instance))["digest"] == corrected.digest


async def test_a_wish_that_means_nothing_is_refused(journey: Journey) -> None:
    instance = await stopped(journey)
    assert (await decide(journey, instance, "retry", task="/do/9/none"))[0] == 409
    assert (await decide(journey, instance, "retry", why=None))[0] == 422
    for unfit in ({"why": " "}, {"why": "on\x1b[2J"}, {"why": "x" * 201}, {"actor": "ann\n"}, {"actor": "a" * 201}):
        assert (await decide(journey, instance, "fail", **unfit))[0] == 422
    assert (await decide(journey, "0" * 32, "retry"))[0] == 404
    assert (await decide(journey, instance, "retry", input=3))[0] == 409

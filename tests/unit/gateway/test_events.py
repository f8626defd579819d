"""Accepting events: all that were sent or none, and only once Kafka has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas import ids
from schemas.cloudevents import MOST_FAULTS
from schemas.cloudevents_http import BATCH, STRUCTURED
from streams.gateway.metrics import UNMATCHED
from streams.ground.errors import UnavailableError
from streams.ground.publish import RefusedRecordError
from tests.support.gateways import Gateway

EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "com.example.order.v1", "data": {"total": 3}}


async def send(gateway: Gateway, body: Any, content_type: str = STRUCTURED) -> tuple[int, Any]:
    return await gateway.ask("POST", "/v1/events", data=json.dumps(body), headers={"Content-Type": content_type})


async def test_structured_event_is_published_and_named(gateway: Gateway) -> None:
    status, answer = await send(gateway, EVENT)
    (record,) = gateway.outbox.records
    started = {"workflow": "order", "instance_id": ids.instance_id("order", "/shop", "7")}
    assert (status, answer) == (
        202,
        {"accepted": [{"id": "7", "source": "/shop", "instances": [started]}], "unmatched": 0},
    )
    assert (record.topic.name, record.key) == ("business.event.generic.v1", b"7")
    assert ("ce_type", b"com.example.order.v1") in record.headers
    assert json.loads(gateway.outbox.decoded()[0][1]["data"]) == {"total": 3}


async def test_binary_event_is_published(gateway: Gateway) -> None:
    headers = {f"ce-{name}": value for name, value in EVENT.items() if isinstance(value, str)} | {"ce-subject": "K-1"}
    status, _ = await gateway.ask("POST", "/v1/events", json={"total": 3}, headers=headers)
    assert (status, gateway.outbox.records[0].key) == (202, b"K-1")


async def test_event_that_starts_nothing_is_accepted(gateway: Gateway) -> None:
    status, answer = await send(gateway, EVENT | {"type": "com.example.unknown.v1"})
    assert (status, answer["accepted"][0]["instances"]) == (202, [])


async def test_batch_is_accepted_whole(gateway: Gateway) -> None:
    status, answer = await send(gateway, [EVENT | {"id": str(number)} for number in range(5)], BATCH)
    assert (status, len(answer["accepted"]), len(gateway.outbox.records)) == (202, 5, 5)


async def test_one_bad_event_refuses_its_batch(gateway: Gateway) -> None:
    status, problem = await send(gateway, [EVENT, EVENT | {"source": ""}], BATCH)
    assert (status, gateway.outbox.records) == (422, [])
    assert problem["faults"][0]["place"] == "[1].source"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ([1] * 6_000, BATCH),
        (EVENT | {f"a{number}": [] for number in range(1_000)}, STRUCTURED),
        (EVENT | {f"A-{number}": "" for number in range(1_000)}, STRUCTURED),
    ],
    ids=["events", "members", "names"],
)
async def test_of_very_many_faults_the_first_are_told(gateway: Gateway, body: Any, content_type: str) -> None:
    """Each of a few bytes was told in a hundred, twice."""
    status, problem = await send(gateway, body, content_type)
    assert (status, MOST_FAULTS - 10 < len(problem["faults"]) <= MOST_FAULTS) == (422, True)
    assert len(json.dumps(problem)) < 64 * 1024


async def test_of_very_many_members_that_a_request_does_not_have_the_first_are_told(gateway: Gateway) -> None:
    body = json.dumps({f"{number}" + "x" * 50: 1 for number in range(300)})
    headers = {"Content-Type": "application/json"}
    status, problem = await gateway.ask("POST", "/v1/truth", data=body, headers=headers)
    assert (status, len(problem["faults"])) == (422, MOST_FAULTS + 1)
    assert len(json.dumps(problem)) < 64 * 1024


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (400, "{", STRUCTURED),
        (400, "{}", "application/json"),
        (400, "{}", BATCH),
        (415, "<a/>", "application/cloudevents+xml"),
        (400, "a=b", "text/plain"),  # without ce- headers it is no event at all
        (413, json.dumps(EVENT | {"data": "x" * 30_000}), STRUCTURED),
        (422, json.dumps(EVENT | {"specversion": "0.3"}), STRUCTURED),
        (422, json.dumps({"specversion": "1.0"}), STRUCTURED),
    ],
)
async def test_unfit_request_accepts_nothing(gateway: Gateway, status: int, body: str, content_type: str) -> None:
    found, problem = await gateway.ask("POST", "/v1/events", data=body, headers={"Content-Type": content_type})
    assert (found, problem["status"], gateway.outbox.records) == (status, status, [])


async def test_data_must_follow_its_declared_schema(gateway: Gateway) -> None:
    event = EVENT | {"type": "exlify.onboarding.application-submitted.v1", "data": {"application_id": "A-1"}}
    status, problem = await send(gateway, event)
    assert (status, gateway.outbox.records) == (422, [])
    assert "data.applicant" in {fault["place"] for fault in problem["faults"]}


@pytest.mark.parametrize("failure", [UnavailableError("Kafka is away."), RefusedRecordError("no such topic")])
async def test_nothing_is_accepted_while_kafka_is_away(gateway: Gateway, failure: Exception) -> None:
    gateway.outbox.failure = failure
    async with gateway.client.post("/v1/events", json=EVENT, headers={"Content-Type": STRUCTURED}) as response:
        assert (response.status, response.content_type) == (503, "application/problem+json")
        assert int(response.headers["Retry-After"]) > 0


async def test_bug_is_told_without_its_inside(gateway: Gateway) -> None:
    gateway.outbox.failure = KeyError("a secret of the inside")
    status, problem = await send(gateway, EVENT)
    assert status == 500 and "secret" not in json.dumps(problem)


async def test_event_that_nobody_waits_for_is_taken_counted_and_told(gateway: Gateway) -> None:
    before = UNMATCHED._value.get()
    status, answer = await send(gateway, EVENT | {"type": "com.example.ordre.v1"})
    assert (status, answer["accepted"][0]["instances"], answer["unmatched"]) == (202, [], 1)
    assert UNMATCHED._value.get() == before + 1


async def test_new_events_are_refused_while_too_much_waits(gateway: Gateway) -> None:
    gateway.services.backlog.limit = 100
    gateway.services.backlog.found = {"intake": 3, "orchestrate": 100}
    async with gateway.client.post("/v1/events", json=EVENT, headers={"Content-Type": STRUCTURED}) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        told = await reply.json(content_type=None)
    assert told["type"] == "urn:exlify:problem:overloaded"
    assert "100 records wait before orchestrate, and 100 may (EXLIFY_MAX_BACKLOG)" in told["detail"]
    assert gateway.outbox.records == []
    gateway.services.backlog.found = {"intake": 3, "orchestrate": 99}
    status, _ = await send(gateway, EVENT)
    assert status == 202

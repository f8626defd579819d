"""`/v1/replays`: what a replay showed, cell by cell, and how it is told to go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.messages import REPLAY_ACTION
from streams.ground.settings import Settings
from streams.processors.replay.request import decode
from tests.support import gateways
from tests.support.gateways import NOW_S, YAML, AsyncGateway, Gateway
from tests.support.replays import see_result, see_state, see_three


async def topics_there(settings: Settings) -> set[str]:
    return {"events.generic.v1", "orders.v1", "business.event.json.v1"}


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with AsyncGateway(settings, topics_there=topics_there) as running:
        yield running


async def test_report_is_a_table_of_changes_with_those_that_changed_first(gateway: Gateway) -> None:
    see_three(gateway)
    status, told = await gateway.ask("GET", "/v1/replays/band")
    report = told["report"]
    assert (status, told["replayed"], told["gone"], report["events"]) == (200, 3, 2, 3)
    assert report["outcomes"] == [
        {"before": "completed", "after": "unanswered", "events": 1, "same": False},
        {"before": "completed", "after": "completed", "events": 2, "same": True},
    ]
    assert [(each["before"], each["after"], each["events"]) for each in report["routes"]] == [
        ("review", "approve", 1),
        ("review", "unanswered", 1),
        ("review", "review", 1),
    ]
    assert report["stopped"] == [{"step": "http /do/2/pay", "events": 1}]
    assert (report["people"], report["time"]) == (
        {"before": 3, "after": 2},
        {"compared": 2, "before_ms": 4_000, "after_ms": 3_000},
    )


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2, 3]),
        ("changed=true", [2, 3]),
        ("before=completed&after=completed", [1, 2]),
        ("after=unanswered", [3]),
        ("task=check&before=review&after=approve", [2]),
        ("task=check&after=unanswered", [3]),
        ("task=nothing", []),
    ],
)
async def test_every_cell_leads_to_its_events(gateway: Gateway, query: str, numbers: list[int]) -> None:
    see_three(gateway)
    see_result(gateway, 4, replay="another")
    _, found = await gateway.ask("GET", f"/v1/replays/band/results?{query}")
    assert [each["business_key"] for each in found["results"]] == [f"O-{number}" for number in numbers]
    if len(numbers) > 1:
        _, page = await gateway.ask("GET", f"/v1/replays/band/results?{query}&limit=1")
        _, rest = await gateway.ask("GET", f"/v1/replays/band/results?{query}&cursor={page['next']}")
        assert len(rest["results"]) == len(numbers) - 1


async def test_same_result_that_comes_again_counts_once(gateway: Gateway) -> None:
    see_three(gateway)
    see_result(gateway, 1)
    _, told = await gateway.ask("GET", "/v1/replays/band")
    assert told["report"]["events"] == 3


async def test_start_says_everything_that_will_not_change(gateway: Gateway) -> None:
    wish: dict[str, Any] = {"topics": ["events.generic.v1"], "since": "2026-01-31T12:00:00Z", "where": ".total > 3"}
    status, told = await gateway.ask("POST", "/v1/replays", json=wish | {"name": "band", "actor": "kim"})
    assert (status, told) == (202, {"name": "band", "status": None})
    ((name, action),) = gateway.outbox.decoded()
    request = decode(action["request"])
    assert (name, action["action"], action["actor"]) == (REPLAY_ACTION, "start", "kim")
    assert (request.where, request.since_ms, request.rate, request.effects) == (
        ".total > 3", 1_769_860_800_000, 100.0, "off",
    )  # fmt: skip
    assert list(request.definitions) == ["order"]


async def test_candidate_comes_with_the_request(gateway: Gateway) -> None:
    yaml = YAML.replace("1.0.0", "1.0.1")
    await gateway.ask("POST", "/v1/replays", json={"topics": ["orders.v1"], "yaml": yaml})
    request = decode(gateway.outbox.decoded()[0][1]["request"])
    assert request.definitions["order"].yaml == yaml
    status, told = await gateway.ask("POST", "/v1/replays", json={"topics": ["orders.v1"], "yaml": "do: 3"})
    assert (status, bool(told["faults"])) == (422, True)


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"topics": []}, 422),
        ({"topics": ["nothing.v1"]}, 404),
        ({"topics": ["events.generic.v1", 3]}, 422),
        ({"topics": ["events.generic.v1"], "name": "a/b"}, 422),
        ({"topics": ["events.generic.v1"], "where": ".["}, 422),
        ({"topics": ["events.generic.v1"], "rate": 100_000}, 422),
        ({"topics": ["events.generic.v1"], "effects": "on"}, 422),
        ({"topics": ["events.generic.v1"], "effects": "some"}, 422),
        ({"topics": ["events.generic.v1"], "outcomes": ["fine"]}, 422),
        ({"topics": ["events.generic.v1"], "since": "soon"}, 422),
        ({"topics": ["events.generic.v1"], "offsets": [[0, 3, 2]]}, 422),
        ({"topics": ["events.generic.v1", "orders.v1"], "offsets": [[0, 3, 4]]}, 422),
        ({"topics": ["events.generic.v1"], "models": ["credit-risk@nine"]}, 404),
        ({"topics": ["events.generic.v1"], "definition": "order@9"}, 404),
        ({"topics": ["onboarding.event.application.v1"]}, 404),
        ({"topics": ["events.generic.v1", "business.event.json.v1"]}, 422),
    ],
)
async def test_what_cannot_be_is_refused_before_it_begins(gateway: Gateway, wish: Any, status: int) -> None:
    found, told = await gateway.ask("POST", "/v1/replays", json=wish)
    assert (found, bool(told["detail"]), gateway.outbox.records) == (status, True, [])


async def test_what_the_processor_refuses_is_told(gateway: Gateway) -> None:
    see_state(gateway)
    headers = {"Idempotency-Key": "k"}
    assert (await gateway.ask("POST", "/v1/replays/band/pause", json={}, headers=headers))[0] == 202
    see_state(gateway, seq=2, action_id="k#band", refused="it is completed")
    status, told = await gateway.ask("POST", "/v1/replays/band/pause", json={}, headers=headers)
    assert (status, told["detail"]) == (409, "band: it is completed.")
    assert (await gateway.ask("POST", "/v1/replays/nobody/pause", json={}))[0] == 404


async def test_start_without_a_name_that_is_sent_again_is_the_same_replay(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, later_s in (("a", 0), ("a", 1), ("b", 1)):
        monkeypatch.setattr(gateways, "NOW_S", NOW_S + later_s)
        headers = {"Idempotency-Key": key}
        await gateway.ask("POST", "/v1/replays", json={"topics": ["orders.v1"]}, headers=headers)
    first, again, other = ((action["name"], action["action_id"]) for _, action in gateway.outbox.decoded())
    assert first == again != other


async def test_name_that_was_given_is_refused(gateway: Gateway) -> None:
    see_state(gateway, status="completed")
    wish = {"topics": ["events.generic.v1"], "name": "band"}
    status, told = await gateway.ask("POST", "/v1/replays", json=wish)
    assert (status, told["detail"], gateway.outbox.records) == (
        409, "band: there has been a replay of this name; give another.", [],
    )  # fmt: skip


async def test_lists_have_the_newest_first(gateway: Gateway) -> None:
    see_state(gateway)
    see_state(gateway, name="later", started_at_ms=gateway.services.now_ms() + 1, status="paused")
    _, found = await gateway.ask("GET", "/v1/replays")
    assert [each["name"] for each in found["replays"]] == ["later", "band"]
    _, found = await gateway.ask("GET", "/v1/replays?status=paused")
    assert [each["name"] for each in found["replays"]] == ["later"]

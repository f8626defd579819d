"""A replay and a shadow begin at the page of their workflow."""

from __future__ import annotations

import getpass
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.messages import REPLAY_ACTION
from streams.console import install
from streams.definitions.deploy import described
from streams.ground.settings import Settings
from streams.processors.replay.request import decode, in_words
from tests.support.consoles import NOW_MS, Console
from tests.support.definitions import load
from tests.support.gateways import YAML, AsyncGateway
from tests.support.replays import see_state

PATH = "/workflows/order/replay"
LATER = YAML.replace("1.0.0", "1.1.0").replace("seen: true", "seen: false")
DAY_MS = 86_400_000
UNTYPED = YAML.replace("name: order", "name: nightly").replace(
    "on: {one: {with: {type: com.example.order.v1}}}", "every: {hours: 1}"
)


@pytest.fixture
async def console(settings: Settings) -> AsyncIterator[Console]:
    async def topics(_: Settings) -> list[str]:
        return ["business.event.generic.v1"]

    async with AsyncGateway(settings, install, topics_there=topics) as running:
        yield Console(running)


def wishes(console: Console) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    told = [data for name, data in console.gateway.outbox.decoded() if name == REPLAY_ACTION]
    return [(data, in_words(decode(data["request"]))) for data in told]


async def test_past_events_are_replayed_with_what_the_form_says(console: Console) -> None:
    (deployed,) = console.gateway.services.definitions.deployed()
    assert f'href="{PATH}"' in (await console.get("/workflows/order"))[1]
    _, page = await console.get(PATH)
    sent = {"do": "start", "events": "past", "age": "24h", "name": "again", "why": "to see", "outcome": "faulted",
            "model": "credit-risk@2", "effects": "read", "rate": "7"}  # fmt: skip
    assert (await console.send(PATH, page, sent))[:2] == (303, "/replays")  # where it appears when it has begun
    ((said, asked),) = wishes(console)
    assert (said["name"], said["action"], said["why"], said["actor"]) == ("again", "start", "to see", getpass.getuser())
    assert asked["definitions"] == {"order": deployed.digest} and asked["types"] == ("com.example.order.v1",)
    assert asked["since_ms"] == NOW_MS - DAY_MS and not asked["live"]
    assert (asked["outcomes"], asked["models"], asked["effects"], asked["rate"]) == (
        ("faulted",), {"credit-risk": "2"}, "read", 7.0,
    )  # fmt: skip
    await console.send(PATH, page, sent)  # a second click
    assert len({data["action_id"] for data, _ in wishes(console)}) == 1


async def test_shadow_needs_a_candidate_and_goes_along_with_what_is_to_come(console: Console) -> None:
    _, page = await console.get(PATH)
    status, _, answer = await console.send(PATH, page, {"do": "start", "events": "live", "age": "24h"})
    assert status == 422 and "A shadow stands beside what is in force" in answer and wishes(console) == []
    written = {"definition": "written", "yaml": LATER.replace("\n", "\r\n"), "name": "shadow"}
    assert (await console.send(PATH, page, {"do": "start", "events": "live", "age": "24h", **written}))[0] == 303
    ((_, asked),) = wishes(console)
    assert asked["live"] and (asked["since_ms"], asked["until_ms"]) == (None, NOW_MS + DAY_MS)
    assert asked["definitions"] == {"order": load(LATER).digest}


async def test_deployed_version_that_is_not_in_force_is_a_candidate(console: Console) -> None:
    book = console.gateway.services.definitions
    (old,) = book.deployed()
    book.learn(described(load(LATER), LATER, "test", NOW_MS))
    _, page = await console.get(f"/workflows/order?digest={old.digest}")
    assert f'href="{PATH}?definition={old.digest}"' in page
    _, page = await console.get(f"{PATH}?definition={old.digest}")
    assert re.search(rf'<option value="{old.digest}" selected>1.0.0', page)
    await console.send(PATH, page, {"do": "start", "events": "live", "age": "", "definition": old.digest})
    ((_, asked),) = wishes(console)
    assert (asked["definitions"], asked["until_ms"]) == ({"order": old.digest}, None)


@pytest.mark.parametrize("chosen", ["deployed", "written"])
async def test_events_are_those_that_start_the_version_that_is_chosen(console: Console, chosen: str) -> None:
    book = console.gateway.services.definitions
    other = LATER.replace("com.example.order.v1", "com.example.order.v2")
    (old,) = book.deployed()
    sent = {"do": "start", "events": "past", "age": "24h", "definition": old.digest}
    if chosen == "deployed":
        book.learn(described(load(other), other, "test", NOW_MS))
    else:
        sent |= {"definition": "written", "yaml": other}
    _, page = await console.get(PATH)
    await console.send(PATH, page, sent)
    ((_, asked),) = wishes(console)
    assert asked["types"] == (f"com.example.order.{'v1' if chosen == 'deployed' else 'v2'}",)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"rate": "fast"}, "rate: write events a second"),
        ({"name": "no spaces"}, "name: write letters"),
        ({"definition": "written", "yaml": "do: []"}, "The candidate has faults"),
        ({"model": "credit-risk@99"}, "There is no model credit-risk@99"),
        ({"name": "taken"}, "there has been a replay of this name"),
    ],
)
async def test_what_cannot_be_is_said_and_the_form_stays_filled_in(
    console: Console, sent: dict[str, str], said: str
) -> None:
    see_state(console.gateway, name="taken")
    _, page = await console.get(PATH)
    status, _, answer = await console.send(PATH, page, {"do": "start", "why": "kept", "age": "24h", **sent})
    assert status >= 400 and said in answer and 'value="kept"' in answer and wishes(console) == []


async def test_workflow_that_no_event_starts_has_nothing_to_replay(console: Console) -> None:
    console.gateway.services.definitions.learn(described(load(UNTYPED), UNTYPED, "test", NOW_MS))
    _, page = await console.get("/workflows/nightly/replay")
    assert (
        "No event starts this workflow" in page and "nightly/replay" not in (await console.get("/workflows/nightly"))[1]
    )
    assert (await console.get("/workflows/none/replay"))[0] == 404

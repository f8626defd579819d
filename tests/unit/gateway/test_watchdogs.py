"""What the watchdogs of the gateway see is an alert as long as it is so: the real gateway, the real processor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.messages import HISTORY_ENTRY
from streams.gateway import watchdogs
from streams.gateway.watchdogs import LOOK_S, Watchdogs, watching
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from streams.runtime.groups import Position
from streams.runtime.processor import Output
from streams.runtime.reader import Partition
from tests.support.alerting import HOUR, MINUTE, Alerting
from tests.support.gateways import AsyncGateway, Gateway, OwnOnes
from tests.support.stories import START_MS, Story
from tests.support.waiting import PATIENCE_S

WORKFLOW = """
document: {dsl: 1.0.3, namespace: test, name: asks, version: 1.0.0}
do:
  - ask: {call: http, with: {method: get, endpoint: 'http://127.0.0.1/x'}}
"""
LOOK_MS = int(LOOK_S * 1000)


class Watched:
    """Gateways and escalation in one time; what the gateways publish is handled."""

    def __init__(self, folder: Path) -> None:
        self.alerting = Alerting(folder)
        self.own = OwnOnes()
        self.positions: dict[Partition, Position] = {}  # of decide
        self.running = AsyncGateway(
            Settings(data_dir=folder, partitions=3),
            own=self.own,
            standing=self.standing,
            clock=lambda: self.alerting.now_ms / 1000,
        )
        self.gateway: Gateway
        self.dogs: list[Watchdogs] = []

    async def standing(
        self, settings: Settings, processors: Collection[str]
    ) -> Mapping[str, Mapping[Partition, Position]]:
        return {"decide": dict(self.positions)} if "decide" in processors else {}

    async def look(self, for_ms: int) -> None:
        """All look, and again in every interval of this time."""
        until = self.alerting.now_ms + for_ms
        while True:
            for each in self.dogs:
                await each.look()
            records, self.gateway.outbox.records = self.gateway.outbox.records, []
            for record in records:
                await self.alerting._run([Output(record.topic, record.key, record.value)])
            if self.alerting.now_ms >= until:
                return
            await self.alerting.wait(LOOK_MS)

    @property
    def alerts(self) -> list[tuple[str, str, int]]:
        return [(each["kind"], each["status"], each["count"]) for each in self.alerting.alerts.values()]


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path)
    async with made.running as made.gateway:
        made.dogs = [Watchdogs(made.gateway.services)]
        yield made


async def test_a_processor_that_nobody_hosts_is_an_alert_until_somebody_does(watched: Watched) -> None:
    watched.dogs.append(Watchdogs(watched.gateway.services))  # of a second gateway
    await watched.look(MINUTE)
    assert watched.alerts == []
    watched.own.members.remove("decide")
    await watched.look(2 * MINUTE - LOOK_MS)
    assert watched.alerts == []
    await watched.look(10 * MINUTE)
    alert = watched.alerting.alert
    assert (alert["kind"], alert["severity"], alert["total"]) == ("unhosted", "critical", 1)
    assert "decide" in alert["title"]
    watched.own.members.add("decide")
    await watched.look(0)
    assert watched.alerts == [("unhosted", "closed", 0)]


async def test_what_no_gateway_tells_any_more_is_over_and_is_so_again_once_one_does(watched: Watched) -> None:
    watched.own.members.remove("decide")
    await watched.look(3 * MINUTE)
    assert watched.alerts == [("unhosted", "open", 1)]
    await watched.alerting.wait(3 * MINUTE)  # the gateway is away
    assert watched.alerts == [("unhosted", "closed", 0)]
    await watched.look(MINUTE)
    assert watched.alerts == [("unhosted", "open", 1)]


async def test_instances_that_do_not_move_are_one_alert_until_they_do(watched: Watched) -> None:
    stories = [Story(WORKFLOW, number * 16) for number in ("ab", "cd")]
    watched.alerting.now_ms = START_MS + 1_000
    watched.gateway.services.definitions.learn(stories[0].definition)

    def see(entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            watched.gateway.see(HISTORY_ENTRY, entry)

    for story in stories:
        see(story.start({}))
    await watched.look(HOUR - MINUTE)
    assert watched.alerts == []
    await watched.look(2 * MINUTE)
    assert watched.alerts == [("idle", "open", 2)]
    assert watched.alerting.alert["workflow"] == "asks"
    assert watched.alerting.alert["instance_id"] in {story.instance_id for story in stories}
    for story, left in zip(stories, (1, 0), strict=True):
        see(story.result("/do/0/ask"))
        await watched.look(0)
        assert watched.alerts == [("idle", "open" if left else "closed", left)]


async def test_a_position_that_stands_is_told_once_until_it_moves(watched: Watched) -> None:
    stuck, well = Partition("step.decide.v1", 2), Partition("step.decide.v1", 0)
    watched.dogs.append(Watchdogs(watched.gateway.services))  # of a second gateway
    watched.positions = {stuck: Position(7, 9), well: Position(4, 4)}
    for at in range(9):  # a neighbour that gets on is not meant
        watched.positions[well] = Position(4 + at, 100)
        await watched.look(MINUTE)
    assert watched.alerts == []
    await watched.look(3 * MINUTE)
    alert = watched.alerting.alert
    assert (alert["kind"], alert["severity"], alert["count"], alert["total"]) == ("position", "critical", 1, 1)
    assert alert["title"] == "decide has work on step.decide.v1 and does not get on"
    watched.positions = {stuck: Position(8, 9)}
    await watched.look(2 * MINUTE)
    assert watched.alerts == [("position", "closed", 0)]
    await watched.look(12 * MINUTE)
    assert watched.alerts == [("position", "open", 1)], "it stands again, and that is the same alert"


async def test_a_position_of_whom_nobody_hosts_is_told_as_that(watched: Watched) -> None:
    watched.positions = {Partition("step.decide.v1", 2): Position(7, 9)}
    watched.own.members.remove("decide")
    await watched.look(20 * MINUTE)
    assert watched.alerts == [("unhosted", "open", 1)]


async def test_what_cannot_be_looked_at_is_as_it_was(watched: Watched) -> None:
    watched.own.members.remove("decide")
    await watched.look(3 * MINUTE)
    fails = UnavailableError("Kafka is away")

    async def away(names: object) -> frozenset[str]:
        raise fails

    watched.own.hosted = away  # type: ignore[method-assign,assignment]
    await watched.look(5 * MINUTE)
    assert watched.alerts == [("unhosted", "open", 1)]


async def test_an_end_that_could_not_be_told_is_told_the_next_time(watched: Watched) -> None:
    watched.own.members.remove("decide")
    await watched.look(3 * MINUTE)
    watched.own.members.add("decide")
    watched.gateway.outbox.failure = UnavailableError("Kafka is away")
    with pytest.raises(UnavailableError):
        await watched.look(0)
    watched.gateway.outbox.failure = None
    await watched.look(0)
    assert watched.alerts == [("unhosted", "closed", 0)]


async def test_a_look_that_fails_is_not_the_last(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, again = 0, asyncio.Event()

    async def look(_: Watchdogs) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise OSError("let through")
        again.set()

    monkeypatch.setattr(Watchdogs, "look", look)
    monkeypatch.setattr(watchdogs, "LOOK_S", 0)
    async with watching(watched.gateway.services):
        await asyncio.wait_for(again.wait(), PATIENCE_S)

"""Readiness: a worker that does not do its work says so, and names what is away or stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application

from schemas.codec import Codec
from schemas.registry import RegistryUnreachableError
from streams.ground.causes import Cause, Ready
from streams.ground.probes import Probe
from streams.ground.status import status_routes
from streams.runtime.crash import CrashPoint
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import STANDS_S, STUCK_S
from streams.runtime.processor import Crowded, Effects, Message, NotYet, Record, StateView
from tests.support.lanes import (
    FOREIGN,
    INPUT,
    ROOMY,
    Echo,
    Flow,
    Outside,
    Patient,
    Reading,
    fast_lane,
    records,
    running,
    slow_lane,
    until,
)
from tests.support.waiting import PATIENCE_S


async def asked(ready: Ready, path: str = "/readyz", **headers: str) -> tuple[int, str]:
    app = Application()
    app.add_routes(status_routes(ready))
    async with TestClient(TestServer(app)) as client, client.get(path, headers=headers) as response:
        return response.status, await response.text()


async def two_causes() -> Sequence[Cause]:
    return [Cause("kafka", "does not answer"), Cause("view", "starts")]


async def test_causes_are_told_a_line_each() -> None:
    assert await asked(two_causes) == (503, "not ready\nkafka: does not answer\nview: starts\n")
    assert await asked(two_causes, "/livez") == (200, "alive\n")


async def test_causes_are_told_as_json_when_asked() -> None:
    status, text = await asked(two_causes, Accept="application/json")
    assert status == 503
    assert '"causes": [{"part": "kafka", "reason": "does not answer"}' in text


async def test_process_without_causes_is_ready() -> None:
    async def none() -> Sequence[Cause]:
        return []

    assert await asked(none) == (200, "ready\n")
    assert await asked(lambda: True, Accept="application/json") == (200, '{"ready": true, "causes": []}')


async def test_probe_is_asked_once_for_many_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.ground.probes.ASK_S", -0.95)
    asks: list[float] = []

    def ask() -> list[str]:
        asks.append(time.monotonic())
        time.sleep(0.3)
        return ["is full"]

    probe = Probe("kafka", ask)
    given_up = await asyncio.gather(*(probe.causes() for _ in range(20)))
    assert given_up == [[Cause("kafka", "does not answer")]] * 20
    async with asyncio.timeout(PATIENCE_S):
        while await probe.causes() != [Cause("kafka", "is full")]:
            await asyncio.sleep(0.01)
    assert len(asks) == 1


class Waiting(Echo):
    """Lacks something until it is there."""

    def __init__(self) -> None:
        self.there = asyncio.Event()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        if not self.there.is_set():
            raise NotYet("the read model does not answer", self.there.wait)
        return super().handle(batch, state)


def lane_of(processor: Any, outside: Outside, codec: Codec | None = None) -> FastLane:
    return FastLane(processor, 0, outside, codec or Codec.offline(), Flow(), None, ROOMY, CrashPoint())


async def test_lane_that_waits_names_what_is_away() -> None:
    processor = Waiting()
    lane = lane_of(processor, Outside())
    async with running(lane):
        lane.deliver(INPUT, records(0))
        await until(lambda: lane.stands(time.monotonic() + STANDS_S))
        assert lane.stands(time.monotonic() + STANDS_S) == "lane 0 waits: the read model does not answer"
        assert lane.stands(time.monotonic()) is None
        processor.there.set()
        await until(lambda: lane.committable() == {INPUT: 1})
        assert lane.stands(time.monotonic() + 1_000) is None


class Full(Echo):
    """Begins nothing until there is room."""

    def __init__(self) -> None:
        self.room, self.asked = asyncio.Event(), 0

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        self.asked += 1
        if not self.room.is_set():
            raise Crowded("full", lambda: asyncio.sleep(0.001))
        return super().handle(batch, state)


async def test_lane_that_keeps_its_records_back_is_well_and_goes_on_once_there_is_room() -> None:
    processor = Full()
    lane = lane_of(processor, Outside())
    async with running(lane):
        lane.deliver(INPUT, records(0))
        await until(lambda: processor.asked > 3)
        assert lane.stands(time.monotonic() + STANDS_S) is None
        processor.room.set()
        await until(lambda: lane.committable() == {INPUT: 1})


async def test_lane_that_keeps_its_records_back_ends_at_once_and_leaves_them() -> None:
    processor = Full()
    lane = lane_of(processor, Outside())
    async with running(lane) as task:
        lane.deliver(INPUT, records(0))
        await until(lambda: processor.asked > 0)
        lane.stop()
        await until(task.done)
        assert lane.committable() == {INPUT: 0}


async def test_lane_without_its_registry_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(Codec):
        async def learn(self, schema_id: int) -> None:
            raise RegistryUnreachableError("away")

    monkeypatch.setattr("streams.runtime.lane.FIRST_PAUSE_S", 0.001)
    lane = lane_of(Reading(), Outside(), Away.offline())
    async with running(lane) as task:
        lane.deliver(INPUT, [Record("in", 0, 0, 0, b"k", FOREIGN)])
        await until(lambda: lane.stands(time.monotonic() + STANDS_S))
        assert "schema registry" in str(lane.stands(time.monotonic() + STANDS_S))
        task.cancel()


async def test_refused_write_is_told_as_standing() -> None:
    outside = Outside()
    outside.gate.clear()
    lane = fast_lane(outside, Flow())
    async with running(lane):
        lane.deliver(INPUT, records(0))
        await until(lambda: lane.busy)
        assert lane.stands(time.monotonic() + STUCK_S + 1) == "lane 0 does not move"
        outside.gate.set()
        await until(lambda: not lane.busy)
        assert lane.stands(time.monotonic() + 1_000) is None


async def test_long_call_is_no_standstill(tmp_path: Path) -> None:
    patient = Patient()
    lane = await slow_lane(patient, Outside(), tmp_path)
    async with running(lane):
        lane.deliver(INPUT, records(0))
        await until(lambda: patient.started)
        assert lane.stands(time.monotonic() + 1_000) is None
        patient.answers.set()
        await until(lambda: lane.committable() == {INPUT: 1})


async def test_process_that_does_less_than_it_should_is_ready_and_says_so() -> None:
    async def degraded() -> list[Cause]:
        return [Cause("model a@1", "card.toml: missing", degraded=True)]

    assert await asked(degraded) == (200, "ready, degraded\nmodel a@1: card.toml: missing\n")
    _, text = await asked(degraded, Accept="application/json")
    assert '"ready": true' in text and '"degraded": true' in text

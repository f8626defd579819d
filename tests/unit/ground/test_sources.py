"""Sources that are declared are watched, each for itself; what stands in their way is told once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge
from structlog.testing import capture_logs

from streams.ground import sources
from streams.ground.beside import beside
from streams.ground.sources import Looks, kept
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def stuck() -> Gauge:
    return Gauge("stuck", "Whether it stands.", ["source"], registry=CollectorRegistry())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sources, "LOOK_S", 0.001)
    yield


async def until(condition: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await condition.wait()


async def test_a_source_that_has_changed_begins_again_once_it_has_ended_and_keeps_back_no_other(stuck: Gauge) -> None:
    declared = {"slow": 1}
    begun = {each: asyncio.Event() for each in ("slow 1", "slow 2", "other 1")}
    ending, may_end = asyncio.Event(), asyncio.Event()

    async def watch(source: int) -> None:
        name = next(each for each, version in declared.items() if version == source)
        begun[f"{name} {source % 10}"].set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await may_end.wait()

    async with beside(kept(lambda: dict(declared), watch, "tests", stuck), "kept"):
        await until(begun["slow 1"])
        declared |= {"slow": 2, "other": 11}
        await until(ending)
        await until(begun["other 1"])
        assert not begun["slow 2"].is_set()
        may_end.set()
        await until(begun["slow 2"])


async def test_a_source_that_is_taken_away_says_nothing_any_more(stuck: Gauge) -> None:
    declared, ended = {"a": 1}, asyncio.Event()

    async def watch(source: int) -> None:
        stuck.labels("a").set(1)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with beside(kept(lambda: dict(declared), watch, "tests", stuck), "kept"):
        while not stuck._metrics:
            await asyncio.sleep(0)
        declared.clear()
        await until(ended)
        async with asyncio.timeout(PATIENCE_S):
            while stuck._metrics:
                await asyncio.sleep(0)


def test_what_stands_in_the_way_is_told_once(stuck: Gauge) -> None:
    looks = Looks("a", stuck, "rows not read")
    with capture_logs() as told:
        for why in ("it is away", "it is away", "", "it is away"):
            looks.came_to(why)
        for _ in range(2):
            looks.came_to(looks.bug(KeyError("x")))
    bug = "a bug of ours, KeyError"
    assert [each.get("reason") for each in told] == ["it is away", "it is away", None, bug]
    assert isinstance(told[2]["exc_info"], KeyError)
    assert stuck.labels("a")._value.get() == 1

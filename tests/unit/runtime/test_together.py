"""Lanes that wait for the same system outside are served in one turn, and each alone where that does not go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from streams.processors.view import DECLARATION
from streams.runtime.parking import PARKING
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, Output, Record, StateView
from streams.runtime.threads import Aside
from streams.runtime.together import MAX_RECORDS, Together
from tests.support.waiting import PATIENCE_S


def message(name: str) -> Message:
    return Message(Record("t", 0, 0, 0, name.encode(), b"", ()), name, {})


class Outside(FastProcessor):
    """Keeps what each turn brought; does with it what `answer` says."""

    declaration = DECLARATION
    stands_with = "the system outside"

    def __init__(self) -> None:
        self.turns: list[list[str]] = []
        self.answer: Callable[[list[str]], Effects] = lambda _: Effects([], {})
        self.may_go = threading.Event()
        self.may_go.set()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        names = [each.name for each in batch]
        self.turns.append(names)
        assert self.may_go.wait(PATIENCE_S)
        return self.answer(names)


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def together(outside: Outside) -> Iterator[Together]:
    aside = Aside("outside")
    yield Together(outside, aside)
    outside.may_go.set()
    aside.close()


async def results(together: Together, *batches: str) -> list[Effects | BaseException]:
    """What each lane gets whose batch is the letters of a word."""
    lanes = (together.handle([message(letter) for letter in batch]) for batch in batches)
    return await asyncio.gather(*lanes, return_exceptions=True)


async def test_lanes_woken_together_share_a_turn(outside: Outside, together: Together) -> None:
    assert await results(together, "ab", "c", "de") == [Effects([], {})] * 3
    assert outside.turns == [["a", "b", "c", "d", "e"]]


async def test_who_comes_during_a_turn_shares_the_next(outside: Outside, together: Together) -> None:
    outside.may_go.clear()
    first = asyncio.create_task(together.handle([message("a")]))
    while not outside.turns:
        await asyncio.sleep(0)
    others = asyncio.create_task(results(together, "b", "c"))
    await asyncio.sleep(0)
    outside.may_go.set()
    await asyncio.gather(first, others)
    assert outside.turns == [["a"], ["b", "c"]]


async def test_wrong_record_fails_its_own_lane_only(outside: Outside, together: Together) -> None:
    def answer(names: list[str]) -> Effects:
        if "x" in names:
            raise ValueError("x")
        return Effects([], {})

    outside.answer = answer
    good, bad, fine = await results(together, "a", "x", "b")
    assert (good, fine) == (Effects([], {}), Effects([], {}))
    assert isinstance(bad, ValueError)


async def test_what_all_wait_for_is_told_to_all_and_asked_once(outside: Outside, together: Together) -> None:
    def away(_: list[str]) -> Effects:
        raise NotYet("away", lambda: asyncio.sleep(0))

    outside.answer = away
    assert all(isinstance(each, NotYet) for each in await results(together, "a", "b", "c"))
    assert len(outside.turns) == 1


async def test_effects_go_to_the_lane_whose_records_have_them(outside: Outside, together: Together) -> None:
    def answer(names: list[str]) -> Effects:
        return Effects([Output(PARKING, name.encode(), b"") for name in names if name == "p"], {})

    outside.answer = answer
    plain, parking = await results(together, "a", "pb")
    assert plain == Effects([], {})
    assert parking == Effects([Output(PARKING, b"p", b"")], {})


async def test_batch_called_off_before_its_turn_is_not_handled(outside: Outside, together: Together) -> None:
    outside.may_go.clear()
    first = asyncio.create_task(together.handle([message("a")]))
    while not outside.turns:
        await asyncio.sleep(0)
    second = asyncio.create_task(together.handle([message("b")]))
    await asyncio.sleep(0)
    second.cancel()
    outside.may_go.set()
    await first
    assert await results(together, "c") == [Effects([], {})]
    assert outside.turns == [["a"], ["c"]]


async def test_turn_is_bounded(outside: Outside, together: Together) -> None:
    await results(together, "a" * (MAX_RECORDS - 1), "bc", "d")
    assert [len(turn) for turn in outside.turns] == [MAX_RECORDS - 1, 3]

"""Decisions about many: several wait for their answer at once, and each is told in its order."""

from __future__ import annotations

from threading import Barrier, Event, Lock

import pytest

from streams.cli._bulk import AT_ONCE, side_by_side
from tests.support.waiting import PATIENCE_S


def test_several_are_under_way_and_told_in_their_order() -> None:
    together = Barrier(AT_ONCE, timeout=PATIENCE_S)

    def ask(number: int) -> int:
        together.wait()
        return -number

    count = 3 * AT_ONCE
    assert list(side_by_side(range(count), None, ask)) == [(number, -number) for number in range(count)]


def test_no_more_are_asked_for_than_may_be_under_way() -> None:
    taken, asked, lock, go_on = 0, 0, Lock(), Event()

    def meant() -> object:
        nonlocal taken
        for number in range(100):
            taken += 1
            if taken == AT_ONCE:
                go_on.set()
            yield number

    def ask(number: int) -> None:
        nonlocal asked
        go_on.wait(PATIENCE_S)
        with lock:
            asked += 1
            assert taken - asked < AT_ONCE + 1

    assert len(list(side_by_side(meant(), None, ask))) == 100  # type: ignore[arg-type]


def test_a_low_rate_has_one_at_a_time_and_each_told_at_once() -> None:
    asked: list[int] = []
    told = side_by_side(range(3), AT_ONCE, asked.append)
    assert next(told) == (0, None) and asked == [0]
    assert [number for number, _ in told] == [1, 2]


def test_what_cannot_be_asked_ends_it() -> None:
    def ask(number: int) -> int:
        if number == 3:
            raise ConnectionError("away")
        return number

    told = side_by_side(range(1_000), None, ask)
    with pytest.raises(ConnectionError, match="away"):
        list(told)

"""Rolling features: the fold equals a recomputation over all that came, however late or reordered, and is small."""

from __future__ import annotations

import random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rolling import fold
from models.rolling.fold import DAY_MS, HOUR_MS, LATE_DAYS, State
from models.rolling.names import TOLD, names
from tests.support.rolling import Event, Mark, recomputed

START = 20_000 * DAY_MS


class Coming(NamedTuple):
    """An event, when it comes, and when it is known to be bad."""

    at_ms: int
    amount: int
    came_ms: int
    known_ms: int | None


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Coming], int, int]:
    """Events that come late and out of order, a time that is asked for, and when it is asked for."""
    ask_ms = START + draw(st.integers(38 * DAY_MS, 80 * DAY_MS))
    oldest = (ask_ms // DAY_MS - LATE_DAYS) * DAY_MS
    at_ms = draw(st.integers(oldest, ask_ms) | st.sampled_from([oldest, ask_ms]))
    events = []
    for _ in range(draw(st.integers(1, 14))):
        back = st.integers(-2 * DAY_MS, 40 * DAY_MS) | st.integers(22 * HOUR_MS, 25 * HOUR_MS)
        then = at_ms - draw(back)
        came = then + draw(st.sampled_from([0, HOUR_MS, DAY_MS, LATE_DAYS * DAY_MS]))
        known = came + draw(st.integers(0, 10 * DAY_MS)) if draw(st.booleans()) else None
        events.append(Coming(then, draw(st.integers(-500, 900_000)), came, known))
    return events, at_ms, ask_ms


@given(histories())
def test_fold_equals_a_recomputation(history: tuple[list[Coming], int, int]) -> None:
    coming, at_ms, ask_ms = history
    happens = [(each.came_ms, 0, each) for each in coming]
    happens += [(each.known_ms, 1, each) for each in coming if each.known_ms is not None]
    state = State()
    events, marks = [], []
    for now_ms, truth, each in sorted(happens, key=lambda each: each[:2]):
        if now_ms > ask_ms:
            break
        fold.advance(state, now_ms)
        if truth:
            fold.mark(state, each.at_ms, now_ms)
            marks.append(Mark(each.at_ms, now_ms))
        else:
            fold.count(state, each.at_ms, each.amount)
            events.append(Event(each.at_ms, each.amount))
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)  # as a row keeps it
    fold.advance(state, ask_ms)
    assert fold.told(state, at_ms, 500) == recomputed(events, marks, at_ms, 500)


def test_what_is_kept_of_the_busiest_key_is_small() -> None:
    state, drawn = State(), random.Random(1)
    for now_ms in range(START, START + 100 * DAY_MS, HOUR_MS // 4):
        fold.advance(state, now_ms)
        for at_ms in (now_ms, now_ms - drawn.randrange(2 * DAY_MS)):
            fold.count(state, at_ms, drawn.randrange(10_000_000))
        fold.mark(state, now_ms - drawn.randrange(20 * DAY_MS), now_ms)
    assert (len(state.hours), len(state.days)) == (fold.KEPT_HOURS, fold.KEPT_DAYS)
    assert len(msgspec.msgpack.encode(state)) < 8_192


def test_hour_that_is_far_ahead_and_day_that_is_long_over_are_not_in_time() -> None:
    now_ms = START + HOUR_MS // 2
    assert fold.in_time(now_ms + HOUR_MS, now_ms)  # clocks are not the same
    assert not fold.in_time(now_ms + 2 * HOUR_MS, now_ms)
    assert fold.in_time(now_ms - LATE_DAYS * DAY_MS, now_ms)
    assert not fold.in_time(now_ms - (LATE_DAYS + 1) * DAY_MS, now_ms)


def test_hour_and_weekday_are_those_of_the_calendar() -> None:
    assert fold.hour_and_weekday(1_700_000_000_123) == (22, 1)  # a Tuesday, 22:13


def test_truth_of_an_event_that_no_window_reaches_is_not_kept() -> None:
    state = State()
    assert not fold.mark(state, START, START + fold.KEPT_DAYS * DAY_MS)
    assert state.bad == {}


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 1e13])
def test_amount_that_is_none_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        fold.units(amount)


def test_features_are_named_in_their_order() -> None:
    assert names("card")[:2] == ("card_count_1d", "card_amount_1d")
    assert len(names("card", "terminal")) == len({*names("card", "terminal")}) == 2 * len(TOLD)
    assert len(fold.told(State(), START, 100)) == len(TOLD)

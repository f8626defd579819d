"""Rolling features: the fold equals a recomputation over everything that came, however late, doubled or reordered."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rolling.declared import Aggregate, Features, Key
from models.rolling.fold import BUCKET_MS, DAY_BUCKETS, MOST_IDS, Event, State, Truth, add, kept, read

KEY = Key((1, 7, 30))
DAY_MS = DAY_BUCKETS * BUCKET_MS
START = 10_000 * DAY_MS


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[Truth], list[Event | Truth], int]:
    """Events and truths within what is kept, and how they came: in any order, some of them several times."""
    times = draw(st.lists(st.integers(0, 30 * DAY_MS), min_size=1, max_size=12))
    events = [Event(f"e{n}", START + at, float(draw(st.integers(1, 9_000)))) for n, at in enumerate(times)]
    bad = draw(st.lists(st.sampled_from(events), unique_by=lambda each: each.id))
    truths = [Truth(each.id, each.at_ms, each.at_ms + draw(st.integers(0, 9 * DAY_MS))) for each in bad]
    every: list[Event | Truth] = [*events, *truths]
    came = draw(st.permutations(every + draw(st.lists(st.sampled_from(every), max_size=4))))
    return events, truths, came, START + draw(st.integers(0, 31 * DAY_MS))


def recomputed(events: Sequence[Event], truths: Sequence[Truth], at_ms: int) -> list[float]:
    """From the whole history at once, by the definition alone."""
    bad = {each.id for each in truths if each.known_ms <= at_ms}
    found: list[float] = []
    for days in KEY.windows:
        first = (at_ms // BUCKET_MS - days * DAY_BUCKETS + 1) * BUCKET_MS
        inside = [each for each in events if first <= each.at_ms < (at_ms // BUCKET_MS + 1) * BUCKET_MS]
        count = len(inside)
        found.append(float(count))
        found.append(sum(each.amount for each in inside) / count if count else 0.0)
        found.append(sum(each.id in bad for each in inside) / count if count else 0.0)
    return found


@given(histories())
def test_fold_equals_a_recomputation(history: tuple[list[Event], list[Truth], list[Event | Truth], int]) -> None:
    events, truths, came, at_ms = history
    state = State()
    for number, each in enumerate(came):
        add(state, KEY, each)
        if number == len(came) // 2:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)  # as a row keeps it
    assert read(state, KEY, at_ms) == recomputed(events, truths, at_ms)


def test_what_comes_again_is_not_counted_again() -> None:
    state = State()
    assert add(state, KEY, Event("a", START, 5.0))
    assert not add(state, KEY, Event("a", START, 5.0))
    assert add(state, KEY, Truth("a", START, START + 2))
    assert not add(state, KEY, Truth("a", START, START + 3))
    assert read(state, KEY, START + 1)[:3] == [1.0, 5.0, 0.0]
    assert read(state, KEY, START + 2)[:3] == [1.0, 5.0, 1.0]


def test_truth_without_its_event_says_nothing() -> None:
    state = State()
    add(state, KEY, Truth("a", START, START))
    assert read(state, KEY, START) == [0.0] * 9


def test_what_is_kept_is_bounded() -> None:
    state = State()
    for number in range(1_000):
        add(state, KEY, Event(f"e{number}", START + number * BUCKET_MS, 1.0))
    assert len(state.buckets) == kept(KEY)
    assert not add(state, KEY, Event("old", START, 1.0))
    counted = [add(state, KEY, Event(f"f{n}", START + 1_000 * BUCKET_MS, 1.0)) for n in range(MOST_IDS + 5)]
    assert sum(counted) == MOST_IDS
    assert state.buckets[START // BUCKET_MS + 1_000].full


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "has 0 keys"),
        ({"card": Key(())}, "card: has to have 1 to 5 windows"),
        ({"card": Key((1, 1))}, "card.windows: have to be different days from 1 to 90"),
        ({"card": Key((400,))}, "card.windows: have to be different days from 1 to 90"),
    ],
)
def test_declaration_beyond_bounds_is_refused(keys: dict[str, Key], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Features(keys)


def test_features_are_named_in_their_order() -> None:
    declared = Features({"card": Key((1, 7), (Aggregate.COUNT, Aggregate.SHARE))})
    assert declared.names == ("card_count_1d", "card_share_1d", "card_count_7d", "card_share_7d")

"""Words, the axis of time, and the account of a history."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.console import words
from streams.console.account import Step
from streams.console.axis import Axis
from streams.console.inbox import keys


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reviewApplication", "Review application"),
        ("check_HTTP-status", "Check HTTP status"),
        ("notReached", "Not reached"),
        ("", ""),
        ("___", "___"),
    ],
)
def test_names_become_words(name: str, text: str) -> None:
    assert words.titled(name) == text


def test_filters_are_told_in_words_and_keys_as_they_are() -> None:
    given = {"status": "incident", "workflow": "customer-onboarding", "key": "Foo-1", "instance_id": "ab"}
    assert words.narrowed(given) == "status stopped, workflow customer onboarding, key Foo-1, instance id ab"
    assert [words.small(each) for each in ("The system", "HTTP 500", "A")] == ["the system", "HTTP 500", "A"]


def test_reasons_kinds_and_numbers_of_any_size_are_words() -> None:
    assert words.reason("UNREACHED") == "The system is not available" and words.reason("OWN_ONE") == "OWN_ONE"
    assert [words.kind(name) for name in ("human", "sql.query", "")] == ["people answer", "calls sql.query", "a task"]
    assert [words.number(each) for each in (1e400, 12_345.0, 0.5)] == ["inf", "12,345", "0.500"]


@pytest.mark.parametrize(
    ("ms", "text"),
    [(19, "19 ms"), (6_200, "6.2 s"), (59_999, "59 s"), (61_000, "1 min 1 s"), (3_120_000, "52 min"),
     (25_680_000, "7 h 8 min"), (7_200_000, "2 h"), (97_200_000, "1 d 3 h"), (-5, "0 ms")],
)  # fmt: skip
def test_spans_have_the_units_that_matter(ms: int, text: str) -> None:
    assert words.span(ms) == text


def test_keys_are_letters_where_they_are_clear_and_numbers_else() -> None:
    assert keys(["approve", "reject"]) == {"approve": "a", "reject": "r"}
    assert keys(["reached", "refused", "later"]) == {"reached": "1", "refused": "2", "later": "l"}


def step(kind: str, start: int, end: int | None) -> Step:
    ended = "running" if end is None else "completed"
    return Step(pointer=f"/{start}", iteration=0, name="a", title="A", kind=kind, depth=0, status=ended,
                started_ms=start, ended_ms=end)  # fmt: skip


def test_long_waiting_is_folded_so_that_work_can_be_seen() -> None:
    steps = [step("decide", 0, 20), step("human", 20, 3_600_020), step("http", 3_600_020, 3_600_060)]
    axis = Axis(steps, 0, 3_600_060)
    (fold,) = axis.folds
    bars = [axis.bar(each, 3_600_060) for each in steps]
    assert (axis.working_ms, fold.text) == (60, "1 h")
    assert bars[0].width > 20 and bars[2].width > 40 and fold.width < 20
    assert bars[1].x == pytest.approx(fold.x, abs=0.1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["human", "http", "wait", "fork", "switch"]), st.integers(0, 10**7), st.integers(0, 10**7)
        ),
        max_size=12,
    )
)
def test_bars_stand_on_the_axis_in_the_order_of_time(given_steps: list[tuple[str, int, int]]) -> None:
    steps = [step(kind, start, start + length) for kind, start, length in given_steps]
    end = max((each.ended_ms or 0 for each in steps), default=0)
    axis = Axis(steps, 0, end)
    bars = {id(each): axis.bar(each, end) for each in steps}
    for each in steps:
        assert bars[id(each)].x >= 0 and bars[id(each)].x + bars[id(each)].width <= 100.02
    ordered = sorted(steps, key=lambda each: each.started_ms)
    for one, other in pairwise(ordered):
        assert bars[id(one)].x <= bars[id(other)].x + 1
    assert sum(fold.width for fold in axis.folds) <= 100.1

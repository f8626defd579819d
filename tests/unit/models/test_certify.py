"""The certificate: the exact binomial tail, and what it promises."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.serving.certify import binomial_tail, certify, learn_then_test, upper_bound


@pytest.mark.parametrize(
    ("wrong", "cases", "share", "tail"),
    [
        (0, 10, 0.5, 0.5**10),
        (10, 10, 0.3, 1.0),
        (0, 1, 0.3, 0.7),
        (1, 2, 0.1, 0.99),
        (2, 4, 0.5, 11 / 16),
        (0, 0, 0.2, 1.0),
    ],
)
def test_tail_equals_the_sum_by_hand(wrong: int, cases: int, share: float, tail: float) -> None:
    assert binomial_tail(wrong, cases, share) == pytest.approx(tail)


def test_no_cases_certify_nothing() -> None:
    assert not certify(0, 0, target=0.1, delta=0.05).certified


def test_few_clean_cases_certify_nothing() -> None:
    assert not certify(28, 0, target=0.1, delta=0.05).certified
    assert certify(29, 0, target=0.1, delta=0.05).certified


def test_more_wrong_than_cases_is_refused() -> None:
    with pytest.raises(ValueError, match="not possible"):
        binomial_tail(3, 2, 0.1)


def test_bad_routes_are_seldom_certified() -> None:
    drawn = np.random.default_rng(7).binomial(200, 0.101, size=4_000)
    certified = [certify(200, int(wrong), target=0.1, delta=0.05).certified for wrong in drawn]
    assert 0.005 < np.mean(certified) <= 0.05


@pytest.mark.parametrize(("cases", "wrong"), [(1_600, 266), (3_415, 359), (12_800, 128), (200_000, 20_000)])
def test_many_cases_are_no_trouble(cases: int, wrong: int) -> None:
    """Where the tail is near a half, or far out."""
    assert 0 < binomial_tail(wrong, cases, wrong / cases) < 1
    assert binomial_tail(wrong, cases, wrong / cases) == pytest.approx(0.5, abs=0.05)


@settings(deadline=None)
@given(st.data())
def test_tail_equals_that_of_scipy(data: st.DataObject) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    cases = data.draw(st.integers(1, 200_000))
    share = data.draw(st.floats(1e-4, 1 - 1e-4))
    around = int(cases * share)
    wrong = data.draw(st.integers(max(0, around - 2_000), min(cases, around + 2_000)))
    assert binomial_tail(wrong, cases, share) == pytest.approx(
        stats.binom.cdf(wrong, cases, share), rel=1e-7, abs=1e-290
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.floats(0.001, 0.999), st.data())
def test_tail_equals_the_exact_sum(cases: int, share: float, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, cases))
    exact, at = Fraction(0), Fraction(share)
    for k in range(wrong + 1):
        exact += math.comb(cases, k) * at**k * (1 - at) ** (cases - k)
    assert binomial_tail(wrong, cases, share) == pytest.approx(float(exact), rel=1e-10, abs=1e-300)


@pytest.mark.parametrize(
    ("target", "delta", "starts"),
    [(0, 0.05, 1), (1, 0.05, 1), (1.5, 0.05, 1), (-0.1, 0.05, 1), (float("nan"), 0.05, 1), (0.1, 0, 1), (0.1, 1, 1),
     (0.1, float("nan"), 1), (0.1, 0.05, 0)],
)  # fmt: skip
def test_what_cannot_be_proved_is_refused(target: float, delta: float, starts: int) -> None:
    with pytest.raises(ValueError, match=r"is none|too few"):
        certify(100, 0, target, delta, starts)


def test_starts_share_delta() -> None:
    alone, shared = certify(30, 0, 0.1, 0.05), certify(30, 0, 0.1, 0.05, starts=5)
    assert (alone.certified, shared.certified) == (True, False)
    assert alone.p_value == shared.p_value


def test_walk_goes_on_from_a_later_start_and_ends_where_a_test_fails() -> None:
    # wrong ones only among the strictest and the loosest scores: the first start fails, a later one does not
    scores = [n / 1_000 for n in range(1_000)]
    wrong = [n < 5 or n >= 700 for n in range(1_000)]
    walked = learn_then_test(scores, wrong, [n / 10 for n in range(1, 11)], target=0.1, delta=0.05)
    assert walked.threshold == 0.7
    assert (walked.test.cases, walked.test.wrong, walked.test.starts) == (700, 5, 5)


def test_walk_without_a_pass_proves_nothing() -> None:
    walked = learn_then_test([0.1] * 50, [True] * 50, [0.2, 0.3], target=0.1, delta=0.05)
    assert (walked.threshold, walked.test.certified) == (None, False)


@pytest.mark.parametrize("grid", [[], [0.2, 0.1], [0.1, 0.1], [float("nan")], [0.1, float("inf")]])
def test_grid_that_is_none_is_refused(grid: list[float]) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        learn_then_test([0.1], [False], grid, target=0.1, delta=0.05)


def test_walk_seldom_certifies_what_is_worse_than_the_target() -> None:
    drawn = np.random.default_rng(11)
    grid = [n / 10 for n in range(1, 11)]
    violated = 0
    for _ in range(400):
        scores = drawn.random(400)
        wrong = drawn.random(400) < 0.101  # the same share at every threshold, just above the target
        walked = learn_then_test(scores.tolist(), wrong.tolist(), grid, target=0.1, delta=0.05)
        violated += walked.threshold is not None
    assert violated / 400 <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_upper_bound_is_where_the_test_turns() -> None:
    bound = upper_bound(6, 95, 0.05)
    assert bound == pytest.approx(0.121, abs=0.001)
    assert binomial_tail(6, 95, bound) == pytest.approx(0.05, abs=1e-9)
    assert upper_bound(3, 3, 0.05) == 1.0

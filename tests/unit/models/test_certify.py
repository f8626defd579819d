"""The certificate: the exact binomial tail, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from models.serving.certify import binomial_tail, certify


@pytest.mark.parametrize(
    ("wrong", "cases", "share", "tail"),
    [(0, 10, 0.5, 0.5**10), (10, 10, 0.3, 1.0), (1, 2, 0.1, 0.99), (2, 4, 0.5, 11 / 16), (0, 0, 0.2, 1.0)],
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

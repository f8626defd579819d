"""The simulator of payments: the same from the same seed, as many frauds as asked for, the truth days later."""

import numpy as np

from models.decisions.fraud.simulator import (
    DAY_S,
    EARLIEST_TRUTH_S,
    LATEST_TRUTH_S,
    SHARES,
    Kind,
    World,
    simulate,
)

WORLD = World(seed=1, fraud=0.025, days=40, customers=600, terminals=300)


def test_the_same_world_gives_the_same_payments() -> None:
    first, again = simulate(WORLD), simulate(WORLD)
    for name, values in vars(first).items():
        assert np.array_equal(values, vars(again)[name]), name


def test_payments_are_in_order_within_the_days_and_the_truth_is_days_late() -> None:
    made = simulate(WORLD)
    assert (np.diff(made.at_s) >= 0).all()
    assert made.at_s[0] >= 0
    assert made.at_s[-1] < WORLD.days * DAY_S
    delay = made.known_at_s - made.at_s
    assert delay.min() >= EARLIEST_TRUTH_S
    assert delay.max() <= LATEST_TRUTH_S


def test_about_as_many_frauds_of_each_kind_as_asked_for() -> None:
    made = simulate(WORLD)
    assert 0.015 < made.fraud.mean() < 0.035
    for kind, share in SHARES.items():
        assert 0.5 * share < (made.kind[made.fraud] == kind).mean() < 1.6 * share
    assert not made.fraud[made.kind == Kind.GENUINE].any()

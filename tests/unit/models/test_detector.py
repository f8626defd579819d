"""The watch on a certified error: what its formula promises, and how soon it alarms, simulated with fixed seeds."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.watching import detector
from models.watching.detector import ALARM_AT, MULTIPLES, START, first_alarm, noted, strength

TARGET = 0.05


@given(st.lists(st.booleans(), max_size=80), st.floats(0.01, 0.5), st.data())
def test_evidence_grows_by_at_most_one_on_average_while_the_error_is_at_most_the_target(
    before: list[bool], target: float, data: st.DataObject
) -> None:
    evidence: tuple[float, ...] = START
    for each in before:
        evidence = noted(evidence, each, target)
    error = data.draw(st.floats(0, target))
    mean = error * strength(noted(evidence, True, target)) + (1 - error) * strength(noted(evidence, False, target))
    assert mean <= (strength(evidence) + 1) * (1 + 1e-9)


@given(st.lists(st.booleans(), max_size=200))
def test_a_wrong_decision_never_speaks_for_the_model(before: list[bool]) -> None:
    evidence: tuple[float, ...] = START
    for each in before:
        evidence = noted(evidence, each, TARGET)
    right, wrong = (strength(noted(evidence, each, TARGET)) for each in (False, True))
    assert math.isfinite(wrong) and wrong > right >= 0


def alarms(error: float, labels: int, runs: int, seed: int) -> np.ndarray:
    """After how many labels each run alarms, 0 for never: the formula of `noted`, on all runs at once."""
    drawn = np.random.default_rng(seed)
    ratios = np.array([noted(START, wrong, TARGET) for wrong in (False, True)])
    evidence, found = np.zeros((runs, len(MULTIPLES))), np.zeros(runs, dtype=int)
    for number in range(1, labels + 1):
        evidence = np.minimum((1 + evidence) * ratios[(drawn.random(runs) < error).astype(int)], detector.CEILING)
        found[(found == 0) & (evidence.mean(axis=1) >= ALARM_AT)] = number
    return found


def test_a_healthy_model_is_suspended_in_at_most_three_of_a_thousand_runs_of_ten_thousand_labels() -> None:
    assert (alarms(error=0.04, labels=10_000, runs=2_000, seed=1) > 0).mean() <= 0.003


@pytest.mark.parametrize(("error", "median"), [(0.08, 685), (0.10, 335), (0.15, 150)])
def test_a_model_that_has_become_worse_is_found_soon(error: float, median: int) -> None:
    found = alarms(error, labels=3_000, runs=400, seed=2)
    assert (found > 0).all()
    assert np.median(found) <= 1.1 * median


def test_one_run_by_hand_alarms_where_all_at_once_do() -> None:
    drawn = random.Random(3)
    wrong = [drawn.random() < 0.2 for _ in range(1_000)]
    number = first_alarm(wrong, TARGET)
    assert number is not None and first_alarm(wrong[: number - 1], TARGET) is None
    assert first_alarm([False] * 1_000, TARGET) is None


@pytest.mark.parametrize("target", [0, 1, -0.1])
def test_a_target_that_is_none_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="is none"):
        noted(START, True, target)

"""What learning goes by: what a try may spend of its confidence, and whether a challenger did well in the shadow."""

from __future__ import annotations

from typing import Any

import pytest

from models.making.learning import Attempt, Learning, allowed, counted, shadowed
from models.making.rows import Rows

LEARNING = Learning(trainer=("any",), labels=100)
NEEDED = ("label", "decided_at", "decision_id", "route", "drawn", "inclusion_probability")


def test_all_tries_together_spend_what_one_may() -> None:
    spent = [allowed(0.05, before) for before in range(1_000)]
    assert spent[0] == 0.025 and sum(spent) < 0.05 < sum(spent) * 1.01
    assert spent == sorted(spent, reverse=True)


def test_labels_that_proved_nothing_are_tried_again_once_there_are_well_more() -> None:
    before = [Attempt("1", "a", 200, 0)]
    assert not counted(_rows(299), LEARNING, before).passed
    assert counted(_rows(300), LEARNING, before).passed
    assert "200 were tried before" in counted(_rows(250), LEARNING, before).says
    assert counted(_rows(100), LEARNING).passed


@pytest.mark.parametrize(
    ("known", "wrong", "passed"), [(50, 5, True), (50, 6, False), (49, 0, False), (0, 0, False), (500, 50, True)]
)
def test_shadow_has_to_have_met_enough_truth(known: int, wrong: int, passed: bool) -> None:
    gate = shadowed(900, 600, known, wrong, 50, 0.1)
    assert (gate.passed, gate.figures["known"]) == (passed, known)


@pytest.mark.parametrize("field", [{"memory_mb": 0}, {"every_days": 0.0}, {"promote_after": -1}])
def test_limits_are_above_nothing(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Learning(trainer=("any",), **field)


def _rows(number: int) -> Rows:
    cases = [{**dict.fromkeys(NEEDED, "x"), "label": f"k{each % 2}"} for each in range(number)]
    return Rows(NEEDED, cases, "b")

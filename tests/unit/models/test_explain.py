"""Reasons: they add up, they are exact where that can be known, and they come out the same every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.serving.explain import Explainer, Scores
from models.serving.features import Code, Encoder, Number, Row
from models.serving.predict import Model


def test_contributions_add_up_to_the_difference(model: Model, parity_cases: list[dict[str, Any]]) -> None:
    for case in parity_cases:
        verdict = model.decide(case["input"])
        total = sum(contribution.amount for contribution in verdict.contributions)
        assert verdict.score is not None
        assert total == pytest.approx(verdict.score - model.card.reference.score, abs=2e-6)


def test_every_field_has_one_contribution(model: Model, application: dict[str, Any]) -> None:
    fields = [contribution.field for contribution in model.decide(application).contributions]
    assert sorted(fields) == sorted(i.field for i in model.card.inputs)


def test_fields_as_in_reference_contribute_nothing(model: Model, application: dict[str, Any]) -> None:
    contributions = model.decide({**application, "checking_account": "A11"}).contributions
    assert [c.field for c in contributions if c.amount] == ["checking_account"]


def test_strongest_contribution_comes_first(model: Model, parity_cases: list[dict[str, Any]]) -> None:
    sizes = [abs(c.amount) for c in model.decide(parity_cases[0]["input"]).contributions]
    assert sizes == sorted(sizes, reverse=True)


def test_same_case_gives_same_reasons(model: Model, parity_cases: list[dict[str, Any]]) -> None:
    case = parity_cases[0]["input"]
    assert model.decide(case) == model.decide(dict(reversed(case.items())))


ENCODER = Encoder(
    [Code("colour", "the colour", ("red", "green")), Number("size", "the size", 0, 9), Number("age", "", 0, 9)]
)
REFERENCE = ENCODER.encode({"colour": "red", "size": 1, "age": 1})
CASE = ENCODER.encode({"colour": "green", "size": 3, "age": 5})


def _linear(rows: Row) -> Scores:
    scores: Scores = rows.astype(np.float64) @ np.array([0.0, 10.0, 2.0, -1.0])
    return scores


def _product(rows: Row) -> Scores:
    return (rows[:, 2] * rows[:, 3]).astype(np.float64)


def test_one_pair_is_exact_for_linear_models() -> None:
    found = Explainer(ENCODER, REFERENCE, [("age", "colour", "size")]).explain(CASE, _linear)
    assert {c.field: c.amount for c in found} == pytest.approx({"colour": 10.0, "size": 4.0, "age": -4.0})


def test_one_pair_is_exact_for_interactions_of_two() -> None:
    found = Explainer(ENCODER, REFERENCE, [("age", "colour", "size")]).explain(CASE, _product)
    assert {c.field: c.amount for c in found} == pytest.approx({"colour": 0.0, "size": 6.0, "age": 8.0})

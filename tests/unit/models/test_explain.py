"""Reasons: they add up, they are exact where that can be known, and they come out the same every time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from models.serving.card import MODEL_FILE
from models.serving.coefficients import Linear
from models.serving.errors import RefusedModelError
from models.serving.explain import Explainer, Reasons, Scores
from models.serving.features import Code, Encoder, Input, Number, Row
from models.serving.held import Why
from models.serving.linear import ClosedExplainer
from models.serving.predict import Model, session_of
from models.serving.registry import FOLDER


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


def test_reasons_are_those_of_switching_field_by_field() -> None:
    drawn = random.Random(4)
    inputs: list[Input] = [Code("c", "", ("a", "b", "d")), *(Number(f"n{n}", "", 0, 3) for n in range(5))]
    encoder, fields = Encoder(inputs), [each.field for each in inputs]
    weights = np.array([drawn.random() for _ in range(encoder.width)])

    def case() -> dict[str, Any]:
        return {"c": drawn.choice("abd"), **{field: drawn.randint(0, 2) for field in fields[1:]}}

    def score(rows: Row) -> Scores:
        sums: Scores = np.tanh((rows * weights).sum(axis=1))
        return sums

    for _ in range(50):
        usual, values = case(), case()
        orders = [drawn.sample(fields, len(fields)) for _ in range(3)]
        moved = dict.fromkeys(fields, 0.0)
        for order in (way for each in orders for way in (each, each[::-1])):
            reached = dict(usual)
            for field in order:
                before = score(encoder.encode(reached))[0]
                reached[field] = values[field]
                moved[field] += (score(encoder.encode(reached))[0] - before) / 6
        found = Explainer(encoder, encoder.encode(usual), orders).explain(encoder.encode(values), score)
        assert {c.field: c.amount for c in found} == pytest.approx(moved, abs=1e-12)
        assert {c.field for c in found if c.amount} <= {field for field in fields if usual[field] != values[field]}


def _without_coefficients(model: Model) -> Model:
    """The same model, which is asked for its reasons row by row."""
    card = msgspec.structs.replace(model.card, explaining=msgspec.structs.replace(model.card.explaining, linear=None))
    session = session_of((FOLDER / card.name / card.version / MODEL_FILE).read_bytes())
    return Model(card, session, model.band)


def test_coefficients_give_the_reasons_that_asking_gives(model: Model, parity_cases: list[dict[str, Any]]) -> None:
    """To the digits of the model's numbers, which are of 32 bits; those from coefficients are of 64."""
    asked = _without_coefficients(model)
    assert model.card.explaining.linear is not None
    for case in parity_cases:
        found, other = model.decide(case["input"]), asked.decide(case["input"])
        assert (found.score, found.route, found.held) == (other.score, other.route, other.held)
        amounts = {c.field: c.amount for c in other.contributions}
        assert {c.field: c.amount for c in found.contributions} == pytest.approx(amounts, abs=2e-6)


def test_coefficients_of_another_model_are_refused(altered: Callable[..., Path]) -> None:
    def other(card: bytes) -> bytes:
        return re.sub(rb"(coefficients = \[\n\s+)[^,]+", rb"\g<1>0.61", card)

    with pytest.raises(RefusedModelError, match="its coefficients do not give the model's scores"):
        Model.load(altered(card=other))


@pytest.mark.parametrize("line", ["intercept = nan", "coefficients = [0.0]"])
def test_coefficients_that_cannot_be_are_refused(altered: Callable[..., Path], line: str) -> None:
    def broken(card: bytes) -> bytes:
        name = line.split(" = ")[0]
        return re.sub(rf"{name} = (\[.*?\n\]|\S+)".encode(), line.encode(), card, count=1, flags=re.DOTALL)

    with pytest.raises(RefusedModelError, match=r"explaining\.linear"):
        Model.load(altered(card=broken))


def test_numbers_that_no_case_has_are_explained_without_a_warning(model: Model) -> None:
    case = {**model.card.reference.values, "amount_dm": 1e18}
    with np.errstate(all="raise"):
        found = model.decide(case)
    assert [held.why for held in found.held][:1] == [Why.OUTSIDE]
    assert found.contributions[0].field == "amount_dm"


def test_a_number_is_explained_by_its_coefficients() -> None:
    linear = Linear(1.0, (0.0, 10.0, 2.0, -1.0))
    found = ClosedExplainer(ENCODER, REFERENCE, [("age", "colour", "size")], linear, odds=False).explain(CASE)
    assert found == Explainer(ENCODER, REFERENCE, [("age", "colour", "size")]).explain(CASE, _linear)


def test_many_cases_are_explained_to_the_bit_as_each_alone(model: Model) -> None:
    drawn = random.Random(20261127)

    def value(declared: Any) -> Any:
        if isinstance(declared, Code):
            return drawn.choice(declared.codes)
        return drawn.choice([int, float])(drawn.uniform(declared.minimum, declared.maximum))

    usual = model.card.reference.values
    cases = [
        {each.field: value(each) if drawn.random() < 0.6 else usual[each.field] for each in model.card.inputs}
        for _ in range(500)
    ]
    together = [model.decide(case) for case in cases]
    Reasons.work_out(verdict.reasons for verdict in together if verdict.reasons is not None)
    alone = [model.decide(case) for case in cases]
    assert [repr(each.contributions) for each in together] == [repr(each.contributions) for each in alone]
    assert {verdict.route for verdict in alone} == {"approve", "review"}  # with one order and with two

"""Certificates and reasons beside those of others: MAPIE's Learn then Test, and the exact Shapley values of shap.

Needs the extra `oracles`, as `make training` has it.
"""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import msgspec
import numpy as np
import pytest

from models.serving.certify import binomial_tail, learn_then_test
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

pytestmark = pytest.mark.slow
MISSING = "{} is not installed; `make training` has it"


@pytest.mark.parametrize("starts", [1, 2, 5])
@pytest.mark.parametrize("labels", [300, 5_000])
def test_certified_as_mapie_certifies(starts: int, labels: int) -> None:
    """On cases of a world in which scores are honest: the same threshold for each draw and target."""
    pytest.importorskip("mapie", reason=MISSING.format("mapie"))
    from models.decisions.oracles import threshold_of_mapie

    drawn, grid, found = np.random.default_rng(labels + starts), [n / 60 for n in range(1, 41)], set()
    for target in (0.05, 0.1, 0.2):
        for _ in range(15):
            scores = drawn.beta(1.2, 4, labels).round(6)
            wrong = drawn.random(labels) < scores
            ours = learn_then_test(scores.tolist(), wrong.tolist(), grid, target, 0.05, starts).threshold
            assert ours == threshold_of_mapie(scores, wrong, grid, target, 0.05, starts)
            found.add(ours)
    assert len(found) > 1  # not all the same, or nothing would have been compared


def test_tail_is_the_p_value_of_mapie() -> None:
    pytest.importorskip("mapie", reason=MISSING.format("mapie"))
    from models.decisions.oracles import p_values_of_mapie

    for cases, wrong in ((1, 0), (97, 6), (3_415, 359), (5_000, 0), (5_000, 610)):
        (theirs,) = p_values_of_mapie([cases], [wrong], 0.12)
        assert binomial_tail(wrong, cases, 0.12) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("name", ["credit-risk", "credit-approval"])
def test_reasons_are_the_shapley_values_of_shap(name: str) -> None:
    """Of cases that differ from the profile in five fields: over all of their orders, reasons are exact."""
    shap = pytest.importorskip("shap", reason=MISSING.format("shap"))
    model = Registry().get(name)
    profile = dict(model.card.reference.values)
    lines = (FOLDER / name / model.card.version / "parity.jsonl").read_text().splitlines()
    for case in [json.loads(line)["input"] for line in lines[:4]]:
        fields = [field for field in profile if case[field] != profile[field]][:5]
        explained = _in_all_orders(model, fields).decide({**profile, **{field: case[field] for field in fields}})

        def scores(switched: Any, fields: list[str] = fields, case: dict[str, Any] = case) -> Any:
            rows = [{**profile, **{f: case[f] for f, on in zip(fields, row, strict=True) if on}} for row in switched]
            return model.score_rows(np.concatenate([model.encoder.encode(row) for row in rows]))

        exact = shap.explainers.ExactExplainer(scores, shap.maskers.Independent(np.zeros((1, len(fields)))))
        theirs = dict(zip(fields, exact(np.ones((1, len(fields)))).values[0].tolist(), strict=True))
        ours = {each.field: each.amount for each in explained.contributions if each.field in fields}
        assert ours == pytest.approx(theirs, abs=2e-7)
        assert max(map(abs, theirs.values())) > 0.01


def _in_all_orders(model: Model, fields: list[str]) -> Model:
    """The model, explained over every order of these fields, half of them since each is run both ways."""
    others = tuple(i.field for i in model.card.inputs if i.field not in fields)
    orders = tuple((*each, *others) for each in permutations(fields) if each <= each[::-1])
    explaining = msgspec.structs.replace(
        model.card.explaining, orders=orders, approve_pairs=len(orders), review_pairs=len(orders)
    )
    changed = Model(msgspec.structs.replace(model.card, explaining=explaining), None, model.band)
    changed._session, changed._seats, changed._feed = model._session, model._seats, model._feed
    return changed

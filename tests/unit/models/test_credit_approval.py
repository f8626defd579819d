"""The credit approval model: rows become requests, and the committed model is as good as was demanded."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from models.decisions.credit_approval.data import COLUMNS, Data
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

PLACE = FOLDER / "credit-approval" / "1"
CARD = tomllib.loads((PLACE / "card.toml").read_text())


@pytest.fixture(scope="module")
def credit() -> Model:
    return Registry().get("credit-approval")


def test_protected_attributes_are_no_inputs(credit: Model) -> None:
    assert [each.field for each in credit.card.inputs] == [each.field for each in COLUMNS]
    assert not {"SEX", "MARRIAGE", "AGE", "ID"} & {each.attribute for each in COLUMNS}


def test_model_may_act_alone_by_its_certificate(credit: Model) -> None:
    proof = credit.band.certificate
    assert credit.band.closed is None and proof is not None
    assert (proof.target, proof.fairness_passed, proof.coverage >= 0.60) == (0.12, True, True)
    assert proof.upper_bound < proof.target < credit.card.routing.break_even


def test_file_gives_the_scores_of_training(credit: Model) -> None:
    cases = [json.loads(line) for line in (PLACE / "parity.jsonl").read_text().splitlines()]
    scores = [credit.predict(case["input"]) for case in cases]
    assert scores == pytest.approx([case["score"] for case in cases], abs=1e-5)


def test_card_states_figures_that_suffice_and_the_source() -> None:
    held_out = CARD["metrics"]["held_out"]
    assert (held_out["rows"], held_out["auc"] >= 0.776) == (5_000, True)
    assert (held_out["brier"] <= 0.135, held_out["calibration_error"] <= 0.015) == (True, True)
    assert "https://doi.org/10.24432/C55S3H" in CARD["data"]["attribution"]
    assert "https://doi.org/10.24432/C55S3H" in Path("NOTICE").read_text()


def test_rows_take_the_route_about_as_often_as_was_certified(credit: Model, taiwan_default: Path) -> None:
    data = Data.read(taiwan_default)
    assert hashlib.sha256(taiwan_default.read_bytes()).hexdigest() == CARD["data"]["sha256"] == data.sha256
    some = np.random.default_rng(1).integers(0, len(data.bad), 600).tolist()
    routes = [credit.decide(data.requests[at]).route for at in some]
    assert {"approve", "review"} == set(routes)
    bad = [bool(data.bad[at]) for at, route in zip(some, routes, strict=True) if route == "approve"]
    assert 0.5 < len(bad) / len(some) < 0.75 and sum(bad) / len(bad) < 0.2

"""The card fraud model: what it reads is what `track` gives, and it may pay by a certificate of simulated payments."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from models.rolling.names import names
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

PLACE = FOLDER / "card-fraud" / "1"
CARD = tomllib.loads((PLACE / "card.toml").read_text())


@pytest.fixture(scope="module")
def fraud() -> Model:
    return Registry().get("card-fraud")


def test_it_reads_the_payment_and_what_is_told_of_card_and_terminal(fraud: Model) -> None:
    fields = [each.field for each in fraud.card.inputs]
    assert fields == ["amount", "hour", "weekday", *names("card", "terminal"), "pair_count_30d"]


def test_model_may_pay_alone_by_its_certificate(fraud: Model) -> None:
    proof = fraud.band.certificate
    assert fraud.band.closed is None and proof is not None
    assert (proof.route, proof.target) == ("pay", 0.005)
    assert proof.upper_bound < proof.target < fraud.card.routing.break_even
    assert proof.coverage > 0.9


def test_card_says_openly_that_all_is_simulated_and_what_it_reached() -> None:
    assert "simulated" in CARD["limits"] and "simulated" in CARD["data"]["name"].lower()
    held_out = CARD["metrics"]["held_out"]
    assert held_out["auc"] > 0.9 and held_out["average_precision"] >= 0.78


def test_file_gives_the_scores_of_training(fraud: Model) -> None:
    cases = [json.loads(line) for line in (PLACE / "parity.jsonl").read_text().splitlines()]
    scores = [fraud.predict(case["input"]) for case in cases]
    assert scores == pytest.approx([case["score"] for case in cases], abs=1e-5)


@pytest.mark.parametrize(
    ("more", "route"),
    [
        ({}, "pay"),
        ({"terminal_share_7d": 0.8, "terminal_share_30d": 0.6, "terminal_risk_7d": 0.9}, "review"),
        ({"terminal_risk_7d": None}, "review"),
        ({"amount": -1}, "review"),
    ],
)
def test_usual_payment_is_paid_and_one_with_frauds_before_it_is_not(
    fraud: Model, more: dict[str, Any], route: str
) -> None:
    assert fraud.decide({**fraud.card.reference.values, **more}).route == route

"""The German credit data: its rows become applications, and the committed model decides them as its card says."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from models.decisions.credit_risk.data import COLUMNS, from_german_row, protected, went_bad
from models.serving.predict import Model
from models.serving.registry import FOLDER
from schemas.catalogue import current
from schemas.messages import APPLICATION_SUBMITTED

CARD = tomllib.loads((FOLDER / "credit-risk" / "2" / "card.toml").read_text())
CERTIFICATE = tomllib.loads((FOLDER / "credit-risk" / "2" / "certificate.toml").read_text())
MADE_UP = "A12 20 A30 A410 1000 A65 A71 3 A91 A103 2 A124 33 A141 A153 1 A174 2 A192 A202 2"


def test_row_becomes_the_fields_of_an_application() -> None:
    application = from_german_row(MADE_UP)
    assert (application["purpose"], application["amount_dm"], application["telephone"]) == ("A410", 1000, "A192")
    assert len(application) == len(COLUMNS)


def test_protected_attributes_stay_outside_the_application() -> None:
    assert not {"A91", 33, "A202"} & set(from_german_row(MADE_UP).values())
    assert protected(MADE_UP) == ("A91", 33, "A202")


def test_label_two_is_a_bad_loan() -> None:
    assert went_bad(MADE_UP)
    assert not went_bad(MADE_UP[:-1] + "1")


def test_short_row_is_refused() -> None:
    with pytest.raises(ValueError, match="21 columns, this one 2"):
        from_german_row("A11 6")


def test_fields_are_those_of_the_event() -> None:
    declared = {field["name"]: field["type"] for field in current()[APPLICATION_SUBMITTED]["fields"]}
    assert {c.field: "string" if c.codes else "int" for c in COLUMNS}.items() <= declared.items()


def test_data_is_what_the_model_was_trained_on(german_credit: Path) -> None:
    assert hashlib.sha256(german_credit.read_bytes()).hexdigest() == CARD["data"]["sha256"]


def test_every_row_has_the_route_of_its_score(model: Model, german_credit: Path) -> None:
    """The route of every row of the data, as the score of its row alone and its range decide it."""
    applications = [from_german_row(line) for line in german_credit.read_text().splitlines()]
    rows = np.concatenate([model.encoder.encode(a) for a in applications])
    below = np.round(model.score_rows(rows), 6) < model.band.approve_below
    verdicts = [model.decide(a) for a in applications]
    free = [not verdict.held for verdict in verdicts]
    assert [verdict.route for verdict in verdicts] == ["approve" if yes else "review" for yes in below & free]
    routes = verdicts
    assert len(routes) == CARD["data"]["rows"]


def test_approved_rows_keep_the_certified_promise(model: Model, german_credit: Path) -> None:
    lines = german_credit.read_text().splitlines()
    approved = [went_bad(line) for line in lines if model.decide(from_german_row(line)).route == "approve"]
    assert np.mean(approved) <= CERTIFICATE["target"]

"""The committed model: the same scores as in training, the right routes, and no other file in its place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from models.serving.errors import RefusedModelError
from models.serving.predict import Model
from models.serving.registry import FOLDER


def test_scores_equal_those_of_training(model: Model, parity_cases: list[dict[str, Any]]) -> None:
    gaps = [abs(model.predict(case["input"]) - case["score"]) for case in parity_cases]
    assert max(gaps) < 2e-6


def test_routes_equal_those_of_training(model: Model, parity_cases: list[dict[str, Any]]) -> None:
    verdicts = [model.decide(case["input"]) for case in parity_cases]
    pairs = zip(parity_cases, verdicts, strict=True)
    expected = ["approve" if c["score"] < model.band.approve_below and not v.held else "review" for c, v in pairs]
    assert [verdict.route for verdict in verdicts] == expected
    assert {*expected} == {"approve", "review"}


def test_score_on_the_threshold_is_reviewed(model: Model, application: dict[str, Any]) -> None:
    at = replace(model.band, approve_below=model.predict(application))
    above = replace(model.band, approve_below=float(np.nextafter(at.approve_below, 1)))
    session = ort.InferenceSession(str(FOLDER / "credit-risk" / "2" / "model.onnx"))
    assert [Model(model.card, session, band).decide(application).route for band in (at, above)] == ["review", "approve"]


def test_case_beyond_training_range_is_reviewed(model: Model, application: dict[str, Any]) -> None:
    assert model.decide(application).route == "approve"
    unheard_of = model.decide({**application, "duration_months": 1})
    assert (unheard_of.route, unheard_of.outside) == ("review", ("duration_months",))


def test_only_two_routes_are_known(model: Model, parity_cases: list[dict[str, Any]]) -> None:
    assert {model.decide(case["input"]).route for case in parity_cases} <= {"approve", "review"}


def test_tampered_model_file_is_refused(altered: Callable[..., Path]) -> None:
    folder = altered(model=lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(RefusedModelError, match="SHA-256 differs"):
        Model.load(folder)


@pytest.mark.parametrize("missing", ["model.onnx", "card.toml"])
def test_missing_file_is_named(altered: Callable[..., Path], missing: str) -> None:
    folder = altered()
    (folder / missing).unlink()
    with pytest.raises(RefusedModelError, match=f"{missing}: missing"):
        Model.load(folder)


def test_pinned_file_with_outside_weights_is_refused(altered: Callable[..., Path]) -> None:
    hostile = (Path(__file__).parent / "hostile" / "external_weights.onnx").read_bytes()
    pin = hashlib.sha256(hostile).hexdigest().encode()
    honest = Model.load(FOLDER / "credit-risk" / "2").card.model.sha256.encode()
    folder = altered(model=lambda _: hostile, card=lambda card: card.replace(honest, pin))
    with pytest.raises(RefusedModelError, match="weights in another file"):
        Model.load(folder)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'codes = [\n    "A191",\n    "A192"', b'codes = [\n    "A192",\n    "A191"', "scores its reference profile"),
        (b"cost_bad = 5.0", b"cost_bad = nan", "cost_bad or"),
        (b"cost_review = 1.0", b"cost_review = -1.0", "cost_bad or"),
        (b"[reference.values]", b"[reference.values]\nage = 30", "other fields than the inputs"),
        (b"review_pairs = 2", b"review_pairs = 3", "fewer orders"),
        (b'kind = "code"', b'kind = "colour"', "training script"),
        (b'checking_account = "A14"', b'checking_account = "A99"', "reference profile: checking_account"),
        (b'A124 = "', b'A125 = "', "property: texts: 'A125' is none of its codes"),
        (b'A124 = "none, or not known"', b'A124 = " "', "texts: of at least one character"),
    ],
)
def test_card_that_does_not_fit_is_refused(altered: Callable[..., Path], old: bytes, new: bytes, reason: str) -> None:
    with pytest.raises(RefusedModelError, match=reason):
        Model.load(altered(card=lambda card: card.replace(old, new)))

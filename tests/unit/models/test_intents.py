"""The models of texts: what they were measured at, that they read what they should, and that they are told right."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from models.serving.held import Why
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

BANKING, ASSISTANT = "banking-intent", "assistant-intent"


@pytest.fixture(params=[BANKING, ASSISTANT])
def model(request: pytest.FixtureRequest) -> Model:
    return Registry().get(request.param)


def card_of(name: str) -> dict[str, Any]:
    """All of a card, also what serving does not read."""
    return tomllib.loads((FOLDER / name / "1" / "card.toml").read_text())


def at_5_percent(name: str) -> dict[str, float]:
    """What becomes of texts where one in twenty is wrong."""
    (told,) = (each for each in card_of(name)["metrics"]["at_error"] if each["error"] == 0.05)
    return dict(told)


def test_cards_state_figures_that_suffice() -> None:
    banking, assistant = card_of(BANKING)["metrics"], card_of(ASSISTANT)["metrics"]
    assert (banking["accuracy"] >= 0.890, assistant["accuracy"] >= 0.912) == (True, True)
    told = at_5_percent(ASSISTANT)
    assert (told["outside_to_people"] >= 0.81, told["handled"] >= 0.87, told["wrong"] <= 0.055) == (True, True, True)


def test_model_may_act_alone_by_its_certificate(model: Model) -> None:
    proof = model.band.certificate
    assert model.band.closed is None and proof is not None
    assert (proof.target, proof.fairness_passed, proof.coverage >= 0.75) == (0.05, True, True)
    assert proof.upper_bound < proof.target < model.card.routing.break_even


def test_file_gives_the_scores_of_training(model: Model) -> None:
    lines = (FOLDER / model.card.name / "1" / "parity.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    scores = [model.predict(case["input"]) for case in cases]
    assert scores == pytest.approx([case["score"] for case in cases], abs=1e-5)


def test_rows_of_a_batch_are_scored_alike(model: Model) -> None:
    import numpy as np

    texts = ["card", "my card has not arrived", "what is my balance please"]
    rows = np.concatenate([model.encoder.encode({"text": text}) for text in texts])
    judged = [model.decide({"text": text}).judged for text in texts]
    routes = [each.route for each in judged if each is not None]
    alone = [float(model.score_rows(row[None], route)[0]) for row, route in zip(rows, routes, strict=True)]
    together = [float(model.score_rows(rows, route)[at]) for at, route in enumerate(routes)]
    assert together == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("text", ["", "zzqq xxyy", "¿¿??"])
def test_text_without_a_known_word_is_for_a_person(model: Model, text: str) -> None:
    verdict = model.decide({"text": text})
    assert (verdict.route, verdict.score, [each.why for each in verdict.held]) == ("review", None, [Why.UNKNOWN])
    assert [each.why for each in model.decide({}).held] == [Why.MISSING]
    assert [each.why for each in model.decide({"text": 7}).held] == [Why.UNKNOWN]


def test_sources_are_named() -> None:
    notice = Path("NOTICE").read_text()
    for name, link in ((BANKING, "https://arxiv.org/abs/2003.04807"), (ASSISTANT, "https://github.com/clinc/oos-eval")):
        assert link in card_of(name)["data"]["attribution"] and link in notice


def test_files_are_small() -> None:
    sizes = [path.stat().st_size for name in (BANKING, ASSISTANT) for path in (FOLDER / name / "1").iterdir()]
    assert sum(sizes) < 4_000_000

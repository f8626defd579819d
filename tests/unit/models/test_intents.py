"""The models of texts: what they were measured at, that they read what they should, and that they are told right."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from models.serving.errors import RefusedModelError
from models.serving.held import Why
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry
from tests.support.brought import Site

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

    many = " ".join(term for term in model.card.inputs[0].words if term.isalpha())  # type: ignore[union-attr]
    texts = ["card", "my card has not arrived", "what is my balance please", "card card my card my card is", many]
    rows = np.concatenate([model.encoder.encode({"text": text}) for text in texts])
    judged = [model.decide({"text": text}).judged for text in texts]
    routes = [each.route for each in judged if each is not None]
    alone = [float(model.score_rows(row[None], route)[0]) for row, route in zip(rows, routes, strict=True)]
    together = [float(model.score_rows(rows, route)[at]) for at, route in enumerate(routes)]
    assert together == pytest.approx(alone, abs=1e-6)
    scores = [each.score for each in judged if each is not None]
    assert scores == pytest.approx(alone, abs=1e-5)  # of the last one thousands of terms are added, in another order


def test_text_says_the_same_whatever_was_asked_before(model: Model) -> None:
    texts = ["card", "what is my balance please", "my card " * 40, "where is my card", "card"]
    first = [model.decide({"text": text}) for text in texts]
    assert [model.decide({"text": text}) for text in reversed(texts)] == first[::-1]


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy of a model of texts with another card."""
    place = shutil.copytree(FOLDER / BANKING / "1", folder / BANKING / "1")
    card = (place / "card.toml").read_text()
    for old, new in changes:
        assert old in card
        card = card.replace(old, new, 1)
    (place / "card.toml").write_text(card)
    return place


def test_term_that_the_graph_does_not_know_is_found_out_when_it_is_loaded(tmp_path: Path) -> None:
    place = changed(tmp_path, ("words = [", 'words = [\n    "zzqq",'))
    with pytest.raises(RefusedModelError, match="Train it anew"):
        Model.load(place)


def test_graph_of_columns_is_for_texts_alone(tmp_path: Path) -> None:
    number = '[[inputs]]\nkind = "number"\nfield = "age"\nlabel = "age"\nminimum = 0\nmaximum = 9\n\n[[inputs]]'
    place = changed(tmp_path, ("[[inputs]]", number), ("[reference.values]", "[reference.values]\nage = 1"))
    with pytest.raises(RefusedModelError, match="only a model of texts"):
        Model.load(place)


def test_file_of_columns_can_be_brought(tmp_path: Path) -> None:
    folder = tmp_path / "brought"
    shutil.copytree(FOLDER / BANKING / "1", folder)
    site = Site(tmp_path)
    added = site.json("models", "add", folder, "--name", "questions")
    assert added["faults"] == [] and len(added["routes"]) == 78
    site.json("models", "activate", "questions@1", "--why", "tried")
    asked = {"text": "my card has not arrived"}
    assert site.decided("questions", asked)["score"] == Registry().get(BANKING).decide(asked).score


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

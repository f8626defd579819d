"""The marketing response model: what it was measured at, and that later calls are not like those it learnt from."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry

PLACE = FOLDER / "marketing-response" / "1"
CARD = tomllib.loads((PLACE / "card.toml").read_text())


@pytest.fixture(scope="module")
def marketing() -> Model:
    return Registry().get("marketing-response")


def test_what_is_protected_or_known_only_afterwards_is_no_input(marketing: Model) -> None:
    fields = {each.field for each in marketing.card.inputs}
    assert len(fields) == 17 and not {"age", "marital", "duration"} & fields


def test_model_may_act_alone_by_its_certificate(marketing: Model) -> None:
    proof = marketing.band.certificate
    assert marketing.band.closed is None and proof is not None
    assert (proof.route, proof.target, proof.fairness_passed, proof.coverage > 0.9) == ("skip", 0.08, True, True)
    assert proof.upper_bound < proof.target < marketing.card.routing.break_even


def test_file_gives_the_scores_of_training(marketing: Model) -> None:
    cases = [json.loads(line) for line in (PLACE / "parity.jsonl").read_text().splitlines()]
    scores = [marketing.predict(case["input"]) for case in cases]
    assert scores == pytest.approx([case["score"] for case in cases], abs=1e-5)


def test_card_states_honest_figures_and_the_source() -> None:
    metrics = CARD["metrics"]
    assert metrics["auc"]["random split"] >= 0.80 > 0.72 > metrics["auc"]["split in time"] > 0.5
    errors = [block["bad_among_approved"] for block in metrics["later"]]
    assert len(errors) == 4 and errors == sorted(errors) and errors[0] > 0.08
    assert "https://doi.org/10.24432/C5K306" in CARD["data"]["attribution"]
    assert "https://doi.org/10.24432/C5K306" in Path("NOTICE").read_text()


def test_later_calls_break_the_promise(marketing: Model, bank_marketing: Path) -> None:
    from models.decisions.marketing_response.data import Data

    data = Data.read(bank_marketing)
    assert hashlib.sha256(bank_marketing.read_bytes()).hexdigest() == CARD["data"]["sha256"] == data.sha256
    count = len(data.bad)
    certified, last = range(int(0.4 * count), int(0.6 * count), 20), range(int(0.9 * count), count, 8)
    shares = []
    for block in (certified, last):
        alone = [at for at in block if marketing.decide(data.requests[at], explain=False).route == "skip"]
        shares.append(sum(bool(data.bad[at]) for at in alone) / len(alone))
    assert shares[0] < 0.08 < 0.2 < shares[1]

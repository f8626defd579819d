"""The trainer to start from, as `exlify models init` writes it, trains: numbers, codes, two outcomes and several."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from models.serving.registry import Registry
from tests.support import foreign
from tests.support.brought import Site

for needed in ("sklearn", "skl2onnx"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; `make training` has it")


def test_two_outcomes_become_a_binary_model(tmp_path: Path) -> None:
    site = Site(tmp_path)
    rows = foreign.write(tmp_path / "rows.csv", _with_branches(foreign.loans(1, 800)))
    site.json("models", "init", "loans", "--rows", rows, "--label", "bad", "--python", sys.executable)
    told = site.json("models", "train", "loans", "--data", rows, "--label", "bad", "--bad", "1")
    assert told["model"] == "loans@1", told
    model = Registry(tmp_path / "models").get("loans", "1")
    good, bad = ({"income": i, "debts": d, "age_of_account": 10, "branch": "north"} for i, d in ((85, 5), (20, 50)))
    assert model.decide(good).route == "review"  # nothing is proved yet
    assert model.predict(good) < 0.05 < 0.9 < model.predict(bad)


def test_several_outcomes_become_classes(tmp_path: Path) -> None:
    site = Site(tmp_path)
    rows = foreign.write(tmp_path / "rows.csv", foreign.levels(1, 800), (*foreign.NUMBERS, "level"))
    site.json("models", "init", "levels", "--rows", rows, "--label", "level", "--python", sys.executable)
    assert site.json("models", "train", "levels", "--data", rows, "--label", "level")["model"] == "levels@1"
    card = tomllib.loads((tmp_path / "models" / "levels" / "1" / "card.toml").read_text())
    assert (card["model"]["task"], card["model"]["labels"]) == ("classes", ["high", "low", "middle"])


def test_card_without_inputs_is_told_by_the_trainer(tmp_path: Path) -> None:
    site = Site(tmp_path)
    rows = foreign.write(tmp_path / "rows.csv", foreign.loans(1, 50))
    site.json("models", "init", "loans", "--python", sys.executable)
    site.json("models", "train", "loans", "--data", rows, "--label", "bad", "--bad", "1", code=3)
    said = (tmp_path / "models" / ".learn" / "loans" / "trainer.log").read_text()
    assert "card.toml declares no [[inputs]]" in said


def _with_branches(cases: Any) -> Any:
    for number, case in enumerate(cases):
        yield {**case, "branch": "north" if number % 3 else "south"}

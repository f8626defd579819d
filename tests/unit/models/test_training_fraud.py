"""Training of the card fraud model: the same world makes the committed files again.

Needs the extra `train`, as `make training` has it; no data, since it is simulated.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from models.serving.predict import Model
from models.serving.registry import FOLDER

for needed in ("sklearn", "skl2onnx"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; `make training` has it")

FILES = ("model.onnx", "card.toml", "certificate.toml", "parity.jsonl")
pytestmark = pytest.mark.slow


def test_inputs_are_told_as_the_committed_card_tells_them() -> None:
    from models.decisions.cards import declared
    from models.decisions.fraud.data import declared_inputs

    written = tomllib.loads(tomli_w.dumps({"inputs": declared(declared_inputs())}))
    committed = tomllib.loads((FOLDER / "card-fraud" / "1" / "card.toml").read_text())
    assert written["inputs"] == committed["inputs"]


def test_training_again_gives_the_same_files(tmp_path: Path) -> None:
    from models.decisions.fraud import train

    assert train.main(["--registry", str(tmp_path)]) == 0
    again, committed = tmp_path / "card-fraud" / "1", FOLDER / "card-fraud" / "1"
    differ = [name for name in FILES if (again / name).read_bytes() != (committed / name).read_bytes()]
    if differ:  # on another kind of processor: the same band, and scores to 1e-6
        one, other = Model.load(again), Model.load(committed)
        assert one.band.approve_below == pytest.approx(other.band.approve_below, abs=1e-6)
        assert one.predict(other.card.reference.values) == pytest.approx(other.card.reference.score, abs=1e-6)

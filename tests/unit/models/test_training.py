"""Training: the committed script makes the committed model again. Needs the shared data and the extra `train`."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.serving.predict import Model
from models.serving.registry import FOLDER

for needed in ("sklearn", "skl2onnx", "tomli_w"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; it belongs to the extra `train`")


@pytest.mark.slow
def test_training_again_gives_the_same_model(german_credit: Path, tmp_path: Path) -> None:
    from models.decisions.credit_risk import train as credit_risk

    assert credit_risk.main(["--data", str(german_credit), "--registry", str(tmp_path)]) == 0
    again, committed = Model.load(tmp_path / "credit-risk" / "2"), Model.load(FOLDER / "credit-risk" / "2")
    assert again.card.routing == committed.card.routing
    assert again.predict(committed.card.reference.values) == pytest.approx(committed.card.reference.score, abs=1e-6)

"""Training: rows become a model that serving takes, and the committed script makes the committed files again.

Needs the extra `train`, as `make training` has it; the second also the data, which is no part of the project.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from models.decisions.credit_risk.data import COLUMNS
from models.serving.predict import Model
from models.serving.registry import FOLDER

for needed in ("sklearn", "skl2onnx"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; `make training` has it")

FILES = ("model.onnx", "card.toml", "certificate.toml", "parity.jsonl")
pytestmark = pytest.mark.slow


def made_up(path: Path, rows: int) -> Path:
    """Data in the form of the German credit data, in which two attributes tell nearly everything."""
    drawn, lines = random.Random(5), []
    for _ in range(rows):
        cells = ["0"] * 20
        for column in COLUMNS:
            cells[column.attribute - 1] = drawn.choice(column.codes) if column.codes else str(drawn.randint(1, 4))
        cells[1], cells[4] = str(drawn.randint(6, 48)), str(drawn.randint(500, 9_000))
        cells[8], cells[12], cells[19] = drawn.choice(["A92", "A93"]), str(drawn.randint(20, 60)), "A201"
        bad = drawn.random() < (0.85 if cells[0] == "A11" and int(cells[1]) > 20 else 0.05)
        lines.append(" ".join([*cells, "2" if bad else "1"]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of model is tried on the real data; here one of each kind will do."""
    from models.decisions.credit_risk import candidates

    (first, *_, last) = candidates.ALL
    monkeypatch.setattr(candidates, "ALL", {name: candidates.ALL[name] for name in (first, last)})


@pytest.mark.usefixtures("few_candidates")
def test_rows_become_a_model_that_serving_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.decisions.credit_risk import train as credit_risk

    data = made_up(tmp_path / "made-up.data", 600)
    assert credit_risk.main(["--data", str(data), "--registry", str(tmp_path), "--version", "7"]) == 0
    model = Model.load(tmp_path / "credit-risk" / "7")
    assert model.band.closed is None and model.band.certificate is not None
    assert model.band.certificate.coverage > 0.3


@pytest.mark.usefixtures("few_candidates")
def test_nothing_proved_is_said_and_leaves_everything_to_people(tmp_path: Path) -> None:
    from models.decisions.credit_risk import train as credit_risk
    from models.decisions.training import EXIT_NOT_CERTIFIED

    data = made_up(tmp_path / "made-up.data", 120)
    assert credit_risk.main(["--data", str(data), "--registry", str(tmp_path)]) == EXIT_NOT_CERTIFIED
    closed = Model.load(tmp_path / "credit-risk" / "1").band.closed
    assert closed is not None and "not passed" in closed.text


def test_training_again_gives_the_same_files(german_credit: Path, tmp_path: Path) -> None:
    from models.decisions.credit_risk import train as credit_risk

    arguments = ["--data", str(german_credit), "--registry", str(tmp_path), "--version", "2"]
    assert credit_risk.main(arguments) == 0
    again, committed = tmp_path / "credit-risk" / "2", FOLDER / "credit-risk" / "2"
    differ = [name for name in FILES if (again / name).read_bytes() != (committed / name).read_bytes()]
    if differ:  # on another kind of processor: the same routes, and scores to 1e-6
        one, other = Model.load(again), Model.load(committed)
        assert one.band.approve_below == pytest.approx(other.band.approve_below, abs=1e-6)
        assert one.predict(other.card.reference.values) == pytest.approx(other.card.reference.score, abs=1e-6)


def test_other_data_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.decisions.credit_risk import train

    (tmp_path / "rows.data").write_text("1 2 3\n")
    with pytest.raises(SystemExit) as ended:
        train.main(["--data", str(tmp_path / "rows.data")])
    assert ended.value.code == 2
    assert "has 21 columns, this one 3" in capsys.readouterr().err

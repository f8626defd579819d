"""Training of the credit approval model, and whether certificates keep their word on it and on made-up data.

Needs the extra `train`, as `make training` has it; the first also the data, which is no part of the project.
"""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path

import pytest

from models.decisions.credit_approval.data import COLUMNS, LABEL
from models.serving.predict import Model
from models.serving.registry import FOLDER

for needed in ("sklearn", "skl2onnx"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; `make training` has it")

FILES = ("model.onnx", "card.toml", "certificate.toml", "parity.jsonl")
pytestmark = pytest.mark.slow


def made_up(path: Path, rows: int, bad_share: float = 0.05) -> Path:
    """Data in the form of the real one, in which arrears and limit tell nearly everything."""
    drawn = random.Random(7)
    names = ["ID", "SEX", "MARRIAGE", "AGE", *(column.attribute for column in COLUMNS), LABEL]
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for number in range(rows):
            cells = {column.attribute: drawn.randint(0, 5_000) for column in COLUMNS}
            cells |= {column.attribute: drawn.randint(-1, 3) for column in COLUMNS if "late" in column.field}
            cells["LIMIT_BAL"] = drawn.randint(10_000, 500_000)
            bad = drawn.random() < (0.8 if cells["PAY_0"] >= 2 else bad_share)
            people = {"ID": number, "SEX": drawn.choice([1, 2]), "MARRIAGE": 1, "AGE": drawn.randint(20, 70)}
            writer.writerow({**people, **cells, LABEL: int(bad)})
    return path


def test_rows_become_a_model_that_serving_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.decisions.credit_approval import model, train

    kinds = list(model.ALL.items())
    monkeypatch.setattr(model, "ALL", dict([kinds[0], kinds[-1]]))
    data = made_up(tmp_path / "rows.csv.gz", 1_500)
    assert train.main(["--data", str(data), "--registry", str(tmp_path), "--version", "3"]) == 0
    made = Model.load(tmp_path / "credit-approval" / "3")
    assert made.band.closed is None and made.band.certificate is not None and made.band.certificate.coverage > 0.4


def test_nothing_proved_leaves_everything_to_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.decisions.credit_approval import model, train
    from models.decisions.training import EXIT_NOT_CERTIFIED

    monkeypatch.setattr(model, "ALL", dict(list(model.ALL.items())[:1]))
    data = made_up(tmp_path / "rows.csv.gz", 200, bad_share=0.2)
    assert train.main(["--data", str(data), "--registry", str(tmp_path)]) == EXIT_NOT_CERTIFIED
    assert Model.load(tmp_path / "credit-approval" / "1").band.closed is not None


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_other_data_is_refused_in_one_line(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.decisions.credit_approval import train

    with gzip.open(tmp_path / "rows.csv.gz", "wt") as file:
        file.write(text)
    with pytest.raises(SystemExit) as ended:
        train.main(["--data", str(tmp_path / "rows.csv.gz")])
    assert ended.value.code == 2
    assert "lacks columns of the data, or has no rows" in capsys.readouterr().err


def test_file_that_is_cut_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.decisions.credit_approval import train

    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"a,b\n" * 100)[:-9])
    with pytest.raises(SystemExit) as ended:
        train.main(["--data", str(tmp_path / "rows.csv.gz")])
    assert ended.value.code == 2
    assert "damaged or not whole" in capsys.readouterr().err


def test_training_again_gives_the_same_files(taiwan_default: Path, tmp_path: Path) -> None:
    from models.decisions.credit_approval import train

    assert train.main(["--data", str(taiwan_default), "--registry", str(tmp_path)]) == 0
    again, committed = tmp_path / "credit-approval" / "1", FOLDER / "credit-approval" / "1"
    differ = [name for name in FILES if (again / name).read_bytes() != (committed / name).read_bytes()]
    if differ:  # on another kind of processor: the same band, and scores to 1e-6
        one, other = Model.load(again), Model.load(committed)
        assert one.band.approve_below == pytest.approx(other.band.approve_below, abs=1e-6)
        assert one.predict(other.card.reference.values) == pytest.approx(other.card.reference.score, abs=1e-6)


def test_certificates_keep_their_word_where_looking_right_does_not(german_credit: Path) -> None:
    """Ten splits only; `make certificates` has two hundred for each target and both data sets."""
    from models.decisions import certificates

    world = certificates.german(german_credit)
    line = certificates.told(world, 0.167, list(certificates.splits(world, certificates.models(world, 10), 0.167, 10)))
    assert line["splits"] == 10 and line["kept"] and line["as_mapie"] == 1
    assert line["violated"] <= line["naive_violated"] and 0 < line["coverage"] < line["naive_coverage"]


def test_promise_that_is_broken_is_told() -> None:
    from models.decisions import certificates

    broken = [certificates.Split(True, True, 0.5, True, 0.5, True)] * 10
    world = certificates.World("x", None, None, None, 1, 0.4, 0.5)  # type: ignore[arg-type]
    assert not certificates.told(world, 0.1, broken)["kept"]
    held = [certificates.Split(True, False, 0.5, True, 0.5, True)] * 10
    assert certificates.told(world, 0.1, held)["kept"]

"""Training of the models of texts: on made-up texts, and on the data, no part of the project, to the same files.

Needs the extra `train`, as `make training` has it.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from models.serving.predict import Model
from models.serving.registry import FOLDER

for needed in ("sklearn", "skl2onnx"):
    pytest.importorskip(needed, reason=f"{needed} is not installed; `make training` has it")

FILES = ("model.onnx", "card.toml", "certificate.toml", "parity.jsonl")
ABOUT = {
    "card": ["card", "chip", "arrived"],
    "transfer": ["transfer", "iban", "sent"],
    "pin": ["pin", "blocked", "code"],
}
COMMON = ["please", "my", "help", "the", "with", "today"]
pytestmark = pytest.mark.slow


def made_up(rows: int, words: dict[str, list[str]] = ABOUT) -> list[tuple[str, str]]:
    """Texts that a few words tell apart, some of them with a label drawn by lot."""
    drawn = random.Random(7)
    about = [drawn.choice([*words]) for _ in range(rows)]
    texts = [" ".join([*drawn.sample(COMMON, 4), *drawn.sample(words[each], 2)]) for each in about]
    return [
        (text, drawn.choice([*words]) if drawn.random() < 0.02 else each)
        for text, each in zip(texts, about, strict=True)
    ]


def test_questions_become_a_model_that_serving_takes(tmp_path: Path) -> None:
    from models.decisions.banking_intent import train

    with (tmp_path / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("text", "category"), *made_up(3_000)])
    assert train.main(["--data", str(tmp_path / "train.csv"), "--registry", str(tmp_path)]) == 0
    made = Model.load(tmp_path / "banking-intent" / "1")
    assert made.band.closed is None and made.decide({"text": "Help, my PIN is blocked!"}).route == "pin"


def test_what_is_about_something_else_goes_to_people(tmp_path: Path) -> None:
    from models.decisions.assistant_intent import train

    other = [(text, "oos") for text, _ in made_up(60, {"oos": ["weather", "moon", "cheese"]})]
    parts = {"train": made_up(600), "val": made_up(300), "oos_train": other[:30], "oos_val": other[30:]}
    (tmp_path / "data.json").write_text(json.dumps(parts))
    assert train.main(["--data", str(tmp_path / "data.json"), "--registry", str(tmp_path)]) == 0
    made = Model.load(tmp_path / "assistant-intent" / "1")
    assert made.decide({"text": "please help the moon today"}).route == "review"
    assert "oos" not in made.card.model.labels and "" not in made.card.model.labels


@pytest.mark.parametrize(("decision", "text"), [("banking", "a,b\n1,2\n"), ("assistant", "[]"), ("assistant", "{")])
def test_other_data_is_refused_in_one_line(
    decision: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib

    train = importlib.import_module(f"models.decisions.{decision}_intent.train")
    (tmp_path / "data").write_text(text)
    with pytest.raises(SystemExit) as ended:
        train.main(["--data", str(tmp_path / "data")])
    assert ended.value.code == 2 and "lacks" in capsys.readouterr().err


def test_training_again_gives_the_same_files(banking77: Path, tmp_path: Path) -> None:
    from models.decisions.banking_intent import train

    assert train.main(["--data", str(banking77), "--registry", str(tmp_path)]) == 0
    again, committed = tmp_path / "banking-intent" / "1", FOLDER / "banking-intent" / "1"
    if any((again / name).read_bytes() != (committed / name).read_bytes() for name in FILES):
        one, other = Model.load(again), Model.load(committed)  # on another kind of processor
        assert one.band.approve_below == pytest.approx(other.band.approve_below, abs=1e-3)
        assert one.predict(other.card.reference.values) == pytest.approx(other.card.reference.score, abs=1e-3)

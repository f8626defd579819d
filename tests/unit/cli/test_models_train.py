"""`exlify models init` and `train`: a trainer of somebody's own makes a version, which decides nothing yet."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from models.serving.registry import Registry
from tests.support import foreign
from tests.support.brought import Site

ROOT = Path(__file__).parents[3]
TRAINER = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.support.trainer"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One with rows whose `bad` is 1 for a loan that was not paid back, and the beginning of a trainer."""
    found = Site(tmp_path)
    foreign.write(tmp_path / "rows.csv", foreign.loans(1, 800))
    found.json("models", "init", "loans", "--rows", tmp_path / "rows.csv", "--label", "bad")
    return found


def card(site: Site, **learning: Any) -> None:
    """Lets another trainer be named than the one to start from, which needs packages that are not here."""
    path = site.folder / "trainers" / "loans" / "card.toml"
    found = tomllib.loads(path.read_text())
    found["learning"] = {"trainer": TRAINER, "minutes": 1, **learning}
    path.write_text(tomli_w.dumps(found))


def train(site: Site, *more: str, code: int = 0) -> Any:
    rows = site.folder / "rows.csv"
    return site.json("models", "train", "loans", "--data", rows, "--label", "bad", "--bad", "1", *more, code=code)


def test_trainer_to_start_from_knows_the_columns(site: Site) -> None:
    folder = site.folder / "trainers" / "loans"
    found = tomllib.loads((folder / "card.toml").read_text())
    assert [each["field"] for each in found["inputs"]] == [*foreign.NUMBERS]
    assert found["learning"]["trainer"] == ["python3", "trainers/loans/train.py"]
    compile((folder / "train.py").read_bytes(), "train.py", "exec")
    assert "is there already" in site.refused("models", "init", "loans")
    site.json("models", "init", "other")
    assert "inputs" not in tomllib.loads((site.folder / "trainers" / "other" / "card.toml").read_text())


def test_version_that_was_trained_decides_nothing_until_it_is_certified_and_activated(site: Site) -> None:
    card(site)
    told = train(site)
    assert (told["model"], told["state"]) == ("loans@1", None)
    assert [each["gate"] for each in told["gates"]] == ["training", "parity"]
    written = tomllib.loads((site.folder / "models" / "loans" / "1" / "card.toml").read_text())
    assert written["learning"]["trainer"] == TRAINER and written["data"]["source"] == "rows.csv"
    assert Registry(site.folder / "models").shelf.active == {}
    rows = site.folder / "rows.csv"
    refused = site.refused("models", "certify", "loans", "--data", rows, "--label", "bad", "--target", "0.1")
    assert "made of these rows" in refused
    labelled = foreign.write(site.folder / "labelled.csv", foreign.loans(7, 1_500))
    proved = site.json("models", "certify", "loans", "--data", labelled, "--label", "bad", "--target", "0.1")
    assert proved["certified"]
    site.json("models", "activate", "loans@1", "--why", "certified")
    assert site.decided("loans", {"income": 85, "debts": 5, "age_of_account": 15})["route"] == "approve"


def test_next_version_is_a_shadow_of_the_one_that_decides(site: Site) -> None:
    card(site)
    train(site)
    site.json("models", "activate", "loans@1")
    told = train(site)
    assert (told["model"], told["state"]) == ("loans@2", "shadow")
    pin = Registry(site.folder / "models").shelf.active["loans"]
    assert (pin.version, pin.rival and (pin.rival.version, pin.rival.share)) == ("1", ("2", 0))
    told = train(site)
    assert (told["model"], told["state"]) == ("loans@3", None)
    assert "withdraw" in told["gates"][-1]["says"]
    (site.folder / "trainers" / "loans" / "card.toml").unlink()
    assert train(site)["model"] == "loans@4"  # by the card of the version that decides


@pytest.mark.parametrize(
    ("script", "gate", "says"),
    [
        ("raise SystemExit(5)", "training", "it ended with exit code 5"),
        ("pass", "training", "it has written no model.onnx"),
        ("import time; time.sleep(60)", "training", "it took more than 0.02 minutes"),
        ("import sys, pathlib; pathlib.Path(sys.argv[2], 'model.onnx').write_bytes(b'x')", "parity", "not ONNX"),
    ],
)
def test_trainer_that_fails_leaves_nothing_behind(site: Site, script: str, gate: str, says: str) -> None:
    card(site, trainer=[sys.executable, "-c", script], **({"minutes": 0.02} if "sleep" in script else {}))
    told = train(site, code=3)
    assert told["model"] is None and told["gates"][-1]["gate"] == gate
    assert says in told["gates"][-1]["says"]
    assert not (site.folder / "models" / "loans").exists()


def test_scores_that_the_file_does_not_give_are_told(site: Site) -> None:
    source = "from tests.support import trainer; import sys, pathlib; f = pathlib.Path(sys.argv[2]); "
    wrong = "trainer.main(pathlib.Path(sys.argv[1]), f); p = f / 'parity.jsonl'; "
    lie = "p.write_text(p.read_text().replace('\"score\": 0', '\"score\": 7'))"
    card(site, trainer=["env", f"PYTHONPATH={ROOT}", sys.executable, "-c", source + wrong + lie])
    told = train(site, code=3)
    assert (told["gates"][-1]["gate"], "is off by" in told["gates"][-1]["says"]) == ("parity", True)


def test_what_cannot_be_trained_is_refused_in_one_line(site: Site) -> None:
    rows = site.folder / "rows.csv"
    for arguments, said in (
        (("train", "nobody", "--data", rows), "Begin with: exlify models init nobody"),
        (("train", "loans@1", "--data", rows), "without a version"),
        (("train", "../x", "--data", rows), "is no name of a model"),
        (("train", "loans", "--data", rows, "--label", "worse"), "there is no column 'worse'"),
        (
            ("train", "loans", "--data", rows, "--label", "bad", "--bad", "yes"),
            "no row has the label 'yes'; there are 0, 1",
        ),
        (("init", "x/y"), "is no name of a model"),
        (("init", "new", "--rows", rows, "--label", "worse"), "there is no column 'worse'"),
    ):
        assert said in site.refused("models", *arguments)
    card(site, minutes=0)
    assert "[learning]" in site.refused("models", "train", "loans", "--data", rows, "--label", "bad")

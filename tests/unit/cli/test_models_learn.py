"""`exlify models learn`: labels of a model that the project does not ship become a challenger, gate by gate."""

from __future__ import annotations

import contextlib
import csv
import os
import select
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from models.making.learning import Learning, parts
from models.making.rows import Rows, read_rows
from models.serving.registry import Registry
from streams.cli._models_trainer import train
from tests.support import foreign
from tests.support.brought import Site
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[3]
TRAINER = f"""
[learning]
trainer = ["env", "PYTHONPATH={ROOT}", "{sys.executable}", "-m", "tests.support.trainer"]
labels = 500
groups = ["branch"]
"""
ZIPMAP = foreign.FOLDER / "zipmap.onnx"
COPIED = f"import sys, shutil; shutil.copy('{ZIPMAP}', sys.argv[2] + '/model.onnx')"
MARK = ("route", "score", "label", "drawn", "inclusion_probability", "decided_at")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One where `loans@1` decides, which is of others, and says in its card how it learns."""
    found = Site(tmp_path)
    brought = tmp_path / "brought"
    brought.mkdir()
    shutil.copy(ZIPMAP, brought / "model.onnx")
    (brought / "card.toml").write_text(TRAINER)
    rows = foreign.write(tmp_path / "rows.csv", foreign.loans(2, 400), foreign.NUMBERS)
    found.json("models", "add", brought, "--name", "loans", "--rows", rows)
    found.json("models", "activate", "loans@1", "--audit", "50")
    return found


def labels(
    path: Path, count: int = 2_000, *, wrong: str = "not-approve", noise: bool = False, worse: bool = False
) -> Path:
    """Labels as `exlify models labels` writes them: half of what went alone was drawn, people saw all else."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*foreign.NUMBERS, "branch", "decision_id", *MARK])
        writer.writeheader()
        for number, case in enumerate(foreign.loans(5, count)):
            alone = case["income"] > case["debts"] + 10
            if alone and number % 2:
                continue
            branch = "north" if number % 20 == 0 else "south"
            bad = number // 20 % 2 if worse and branch == "north" else case["bad"]
            del case["bad"]
            truth = wrong if (number // 2 % 2 if noise else bad) else "approve"
            when = f"2030-{1 + number * 12 // count:02d}-01T00:00:{number % 60:02d}.000Z"
            chance, route = (0.5, "approve") if alone else (1.0, "review")
            told = (route, 0.1, truth, alone, chance, when)
            writer.writerow(
                {**case, "branch": branch, "decision_id": f"d{number}", **dict(zip(MARK, told, strict=True))}
            )
    return path


def test_labels_become_a_certified_shadow_and_what_decides_stays(site: Site) -> None:
    file = labels(site.folder / "labels.csv")
    told = site.json("models", "learn", "loans", "--data", file)
    assert [each["gate"] for each in told["gates"]] == [
        "labels", "split", "training", "parity", "certificate", "fairness", "shadow",
    ]  # fmt: skip
    assert all(each["passed"] for each in told["gates"])
    assert (told["candidate"], told["state"]) == ("loans@2", "shadow")
    pin = Registry(site.folder / "models").shelf.active["loans"]
    assert (pin.version, pin.audit, pin.rival and (pin.rival.version, pin.rival.share)) == ("1", 50, ("2", 0))
    learned = Registry(site.folder / "models").get("loans", "2")
    assert learned.band.closed is None and learned.band.certificate is not None
    figures = next(each["figures"] for each in told["gates"] if each["gate"] == "certificate")
    assert figures["upper_bound"] < figures["target"] and figures["cases"] > 100
    card = tomllib.loads((site.folder / "models" / "loans" / "2" / "card.toml").read_text())
    assert card["learning"]["labels"] == 500 and card["data"]["source"] == "labels of loans@1"
    again = site.json("models", "learn", "loans", "--data", file)
    assert (again["candidate"], again["state"]) == ("loans@2", "shadow")
    assert not (site.folder / "models" / "loans" / "3").exists()


def test_only_a_person_with_reasons_promotes_and_one_command_goes_back(site: Site) -> None:
    file = labels(site.folder / "labels.csv")
    assert "say why" in site.refused("models", "learn", "loans", "--data", file, "--promote")
    told = site.json("models", "learn", "loans", "--data", file, "--promote", "--why", "wrong too often")
    assert (told["candidate"], told["state"], told["gates"][-1]["gate"]) == ("loans@2", "active", "promotion")
    pin = Registry(site.folder / "models").shelf.active["loans"]
    assert (pin.version, pin.rival, pin.audit) == ("2", None, 50)
    assert Registry(site.folder / "models").get("loans", "2").band.closed is None
    told = site.json("models", "learn", "loans", "--data", file, code=3)
    assert told["gates"][0]["says"].endswith("has learned from them already")


@pytest.mark.parametrize(
    ("gate", "says", "change"),
    [
        ("labels", "at least 500", {"count": 300}),
        ("labels", "of two kinds", {"wrong": "approve"}),
        ("certificate", "nothing is proved", {"noise": True}),
        ("fairness", "more wrong decisions", {"worse": True}),
    ],
)
def test_labels_that_prove_nothing_end_at_their_gate(site: Site, gate: str, says: str, change: dict[str, Any]) -> None:
    before = _standing(site)
    told = site.json("models", "learn", "loans", "--data", labels(site.folder / "labels.csv", **change), code=3)
    assert [each["gate"] for each in told["gates"] if not each["passed"]] == [gate]
    assert says in told["gates"][-1]["says"] and told["candidate"] is None
    assert _standing(site) == before


@pytest.mark.parametrize(
    ("gate", "says", "script"),
    [
        ("training", "exit code 4", "import sys; sys.exit(4)"),
        ("training", "no model.onnx", "import os; assert not [n for n in os.environ if n.startswith('EXLIFY_')]"),
        ("parity", "not ONNX", "import sys; open(sys.argv[2] + '/model.onnx', 'wb').write(b'no')"),
        ("parity", "no scores of its own", COPIED),
        ("parity", "cannot be read", f"{COPIED}; open(sys.argv[2] + '/parity.jsonl', 'w').write('1')"),
        ("parity", "routing is no section", f"{COPIED}; open(sys.argv[2] + '/card.toml', 'w').write('routing = 1')"),
        ("parity", "cannot be used", f"{COPIED}; open(sys.argv[2] + '/card.toml', 'w').write('inputs = [1]')"),
        ("parity", "card.toml", f"{COPIED}; open(sys.argv[2] + '/card.toml', 'w').write('[')"),
    ],
)  # fmt: skip
def test_trainer_that_fails_leaves_all_as_it_is(site: Site, gate: str, says: str, script: str) -> None:
    (site.folder / "train.py").write_text(script)
    card = site.folder / "models" / "loans" / "1" / "card.toml"
    found = tomllib.loads(card.read_text())["learning"]["trainer"]
    text = card.read_text()
    start, end = text.index("trainer = "), text.index("]", text.index("trainer = ")) + 1
    card.write_text(f'{text[:start]}trainer = ["{found[2]}", "train.py"]{text[end:]}')
    site.json("models", "activate", "loans@1")
    before = _standing(site)
    told = site.json("models", "learn", "loans", "--data", labels(site.folder / "labels.csv"), code=3)
    assert told["gates"][-1]["gate"] == gate and says in told["gates"][-1]["says"]
    assert _standing(site) == before


LEFT_BEHIND = """
import subprocess, sys
left = subprocess.Popen(["sleep", "60"])
open(sys.argv[2] + "/left", "w").write(str(left.pid))
open(sys.argv[2] + "/model.onnx", "w").write("")
"""


def test_what_a_trainer_starts_and_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    """It could go on writing into a model that counts already."""
    (tmp_path / "train.py").write_text(LEFT_BEHIND)
    made = tmp_path / "made"
    learning = Learning(trainer=(sys.executable, "train.py"))
    assert train(learning, Rows(("a",), [{"a": 1}], ""), made, tmp_path / "log", tmp_path).passed
    with contextlib.suppress(ProcessLookupError):  # it is gone already
        left = os.pidfd_open(int((made / "left").read_text()))
        assert select.select([left], [], [], PATIENCE_S)[0]
        os.close(left)


def test_model_that_is_not_audited_cannot_learn_what_it_is_worth(site: Site) -> None:
    file = labels(site.folder / "labels.csv")
    file.write_text(file.read_text().replace(",True,0.5,", ",False,0.0,"))
    told = site.json("models", "learn", "loans", "--data", file, code=3)
    assert told["gates"][-1]["gate"] == "split" and "people looked at nothing" in told["gates"][-1]["says"]


def test_sample_that_tests_is_fair_and_later_than_all_that_trains(tmp_path: Path) -> None:
    rows = read_rows(labels(tmp_path / "labels.csv", 8_000))
    found = parts(rows, Learning(trainer=("any",)))
    assert max(case["decided_at"] for case in found.training.cases) < min(
        case["decided_at"] for case in found.test.cases
    )
    later = [case for case in rows.cases if case["decided_at"] >= found.since]
    kept = {route: [case for case in found.test.cases if case["route"] == route] for route in ("approve", "review")}
    assert len(kept["approve"]) == sum(case["route"] == "approve" for case in later)
    reviewed = sum(case["route"] == "review" for case in later)
    assert 0.45 < len(kept["review"]) / reviewed < 0.55  # as seldom as what went alone was looked at
    assert found.unseen == 0


@pytest.mark.crash
def test_killed_at_any_step_it_goes_on_and_makes_one_challenger(site: Site) -> None:
    file = labels(site.folder / "labels.csv")
    models = site.folder / "models"
    shutil.copytree(models, site.folder / "before")
    learn = ("models", "learn", "loans", "--data", str(file), "--promote", "--why", "w")
    kills = 0
    while _killed(site, kills + 1, *learn):
        kills += 1
        pin = Registry(models).shelf.active["loans"]
        for version in {pin.version, pin.rival.version if pin.rival else "1"} - {"1"}:
            assert Registry(models).get("loans", version).band.closed is None
        told = site.json(*learn)
        assert (told["candidate"], told["state"]) == ("loans@2", "active")
        assert sorted(each.name for each in (models / "loans").iterdir()) == ["1", "2"]
        assert Registry(models).shelf.active["loans"].version == "2"
        assert {each.name for each in (models / ".learn" / "loans").iterdir()} <= {"lock", "trainer.log", "tried.json"}
        shutil.rmtree(models)
        shutil.copytree(site.folder / "before", models)
    assert kills > 10


def _killed(site: Site, most: int, *arguments: str) -> bool:
    """Runs a command that is killed when it is about to move the `most`th file to its place, or take one away."""
    script = f"""
import os, signal
left = {most}
def counted(real):
    def done(*args, **more):
        global left
        left -= 1
        if left <= 0: os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return done
for name in ("rename", "replace", "unlink"): setattr(os, name, counted(getattr(os, name)))
from streams.cli import group
group()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env={**os.environ, **site.environ}, cwd=ROOT, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def _standing(site: Site) -> Any:
    """What decides, and all files of the models."""
    models = site.folder / "models"
    files = {path: path.read_bytes() for path in (models / "loans").rglob("*") if path.is_file()}
    return (models / "active.toml").read_text(), files

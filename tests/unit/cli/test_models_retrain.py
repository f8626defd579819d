"""`exlify models retrain`: who is to learn, what a shadow is worth, and that a trainer is held to its limits."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from models.making.learning import Learning
from models.making.rows import Rows
from streams.cli._models_retrain import Wanted, retrain, wished
from streams.cli._models_states import refuse_wanting
from streams.cli._models_trainer import train
from streams.cli._models_tried import Tried
from streams.ground.errors import UsageError
from streams.processors.decide.states import ModelBook
from streams.processors.monitor import ITSELF as MONITOR
from tests.support.model_folders import models_folder

NAME = "watched"


def test_model_that_the_monitor_has_suspended_is_to_learn_and_one_that_people_have_is_not(tmp_path: Path) -> None:
    book = _book(tmp_path)
    assert [*wished(book)] == []
    book.learn(_states(_state(), _state(state="suspended", by=MONITOR)))
    assert [*wished(book)] == [Wanted(NAME, "the monitor has suspended it")]
    book.learn(_states(_state(), _state(state="suspended", by=MONITOR), _state(state="suspended", by="kim", audit=5)))
    assert [each.name for each in wished(book)] == [NAME]
    book.learn(_states(_state(), _state(state="suspended", by="kim")))
    assert [*wished(book)] == []
    book.learn(_states(_state(), _state(state="suspended", by="kim"), _state(state="suspended", by=MONITOR, audit=5)))
    assert [*wished(book)] == []  # it has raised the audits of what people have suspended


def test_nothing_to_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cli._models.known", lambda: _book(tmp_path))
    assert CliRunner().invoke(retrain, []).output == (
        "Nothing to learn: the monitor has suspended no model that can learn, and none's time has come.\n"
    )


def test_model_learns_as_often_as_its_card_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXLIFY_SITE_DIR", str(tmp_path))
    book = _book(tmp_path, "every_days = 7\n")
    book.learn(_states(_state()))
    assert [*wished(book, now_s=6 * 86_400)] == []
    assert [*wished(book, now_s=8 * 86_400)] == [Wanted(NAME, "every 7 days")]


def test_challenger_that_was_learned_is_looked_at_where_a_policy_says_so(tmp_path: Path) -> None:
    book = _book(tmp_path, "promote_after = 50\n")
    _challenger(tmp_path)
    suspended = _state(state="suspended", by=MONITOR)
    book.learn(_states(_state(), suspended, {**suspended, "rival": "2", "by": "kim"}))
    assert [*wished(book)] == [Wanted(NAME, "by its policy, promote_after = 50", "2")]
    book.learn(_states(_state(), suspended, {**suspended, "rival": "2", "share": 10, "by": "kim"}))
    assert [*wished(book)] == []  # people try it already


def test_challenger_that_waits_for_a_person_is_not_replaced(tmp_path: Path) -> None:
    book = _book(tmp_path)
    _challenger(tmp_path)
    suspended = _state(state="suspended", by=MONITOR)
    book.learn(_states(_state(), suspended, {**suspended, "rival": "2", "by": "kim"}))
    assert [*wished(book)] == []


def test_name_that_nothing_can_be_learned_for_is_refused(tmp_path: Path) -> None:
    book = ModelBook([models_folder(tmp_path / "models", NAME)])
    with pytest.raises(UsageError, match="does not say how it learns"):
        list(wished(book, (NAME,)))
    with pytest.raises(UsageError, match="decides nothing"):
        list(wished(book, ("other",)))


def test_challenger_whose_share_the_monitor_took_decides_nothing_again_in_the_same_files(tmp_path: Path) -> None:
    book = _book(tmp_path)
    tried = {**_state(), "rival": "2", "rival_sha256": "f", "share": 10}
    book.learn(_states(_state(), tried, {**tried, "share": 0, "by": MONITOR}))
    with pytest.raises(UsageError, match="Certify it anew"):
        refuse_wanting(book, NAME, "2", "f")
    refuse_wanting(book, NAME, "2", "anew")
    refuse_wanting(book, NAME, "1", "")


def test_live_cases_are_counted_once_and_only_those_of_the_challenger() -> None:
    found = Tried(NAME, "2")
    for number in (0, 1, 1, 2, 3):  # one of them twice, as a crash may leave it
        found.decision(_decision(number, "approve" if number else "review"))
    found.decision(_decision(9, "approve", version="3"))
    found.decision({**_decision(8, "approve"), "beside": None})
    for number, label in ((1, "approve"), (1, "approve"), (2, "not-approve"), (0, "not-approve"), (9, "approve")):
        found.label({"model": NAME, "decision_id": f"d{number}", "first": True, "label": label})
    found.label({"model": NAME, "decision_id": "d3", "first": False, "label": "approve"})
    assert found.counts() == (4, 3, 2, 1)


GREEDY = """
import resource, sys
while resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY: pass  # until it is held to it
found = bytearray(1 << 30)
open(sys.argv[2] + "/model.onnx", "w").write("")
"""


def test_trainer_that_takes_more_memory_than_its_card_says_ends(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(GREEDY)
    for most, passed in ((512, False), (4096, True)):
        learning = Learning(trainer=(sys.executable, "train.py"), memory_mb=most)
        gate = train(learning, Rows(("a",), [{"a": 1}], ""), tmp_path / f"made{most}", tmp_path / "log", tmp_path)
        assert gate.passed is passed, gate.says


CHATTY = """
import resource, sys
while resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY: pass
for _ in range(16): print("x" * (1 << 20))
open(sys.argv[2] + "/model.onnx", "w").write("")
"""


def test_trainer_that_prints_without_end_ends_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli._models_trainer.LARGEST_FILE", 2**22)
    (tmp_path / "train.py").write_text(CHATTY)
    learning = Learning(trainer=(sys.executable, "train.py"))
    gate = train(learning, Rows(("a",), [{"a": 1}], ""), tmp_path / "made", tmp_path / "log", tmp_path)
    assert (gate.passed, "exit code" in gate.says) == (False, True), gate.says
    assert (tmp_path / "log").stat().st_size == 2**22


def _book(folder: Path, more: str = "") -> ModelBook:
    return ModelBook([models_folder(folder / "models", NAME, more=f'\n[learning]\ntrainer = ["false"]\n{more}')])


def _challenger(folder: Path) -> None:
    place = folder / "models" / NAME
    shutil.copytree(place / "1", place / "2")
    card = (place / "2" / "card.toml").read_text()
    (place / "2" / "card.toml").write_text(card.replace("\n[data]\n", '\n[data]\nlearned = "some"\n', 1))


def _state(**fields: Any) -> dict[str, Any]:
    return {"version": "1", "sha256": "", "state": "active", "by": "kim", "why": "", **fields}


def _states(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"name": NAME, "changes": [{**each, "from_ms": number} for number, each in enumerate(changes, 1)]}


def _decision(number: int, route: str, version: str = "2") -> dict[str, Any]:
    beside = {"model_version": version, "challenger": True, "route": route}
    return {"model": NAME, "decision_id": f"d{number}", "beside": beside}

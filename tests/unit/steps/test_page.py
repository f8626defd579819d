"""The page of own steps is true: its step, its definition and its tests work together."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.reasons import Reason
from streams.cli import group
from streams.steps.declared import EFFECTS
from streams.steps.loading import load_steps
from tests.support.waiting import PATIENCE_S

PAGE = (Path(__file__).parents[3] / "streams" / "steps" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_steps.py").write_text(blocks("python")[0])
    (tmp_path / "parcel.yaml").write_text(blocks("yaml")[0])
    return tmp_path


def test_step_of_the_page_does_what_its_tests_say(folder: Path) -> None:
    command = [sys.executable, "-c", blocks("python")[-1]]
    environ = {"PYTHONPATH": f"{folder}:{Path(__file__).parents[3]}"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr


def test_commands_of_the_page_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    lines = [re.sub(r"\s+#.*", "", line) for line in blocks("sh")[0].splitlines() if "worker" not in line]
    for line in lines:
        words = [each.strip("'") for each in re.findall(r"'[^']*'|\S+", line)][1:]
        try:
            assert group.main(words, standalone_mode=False) in (None, 0)
        except SystemExit as ended:
            assert ended.code in (None, 0)


def test_tables_of_the_page_name_what_there_is(folder: Path) -> None:
    assert re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)[1:] == [*EFFECTS]
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", PAGE)) - {"EXLIFY_SITE_DIR", "EXLIFY_STEPS_CONCURRENCY"} <= set(Reason)
    assert [each.name for each in load_steps([folder])] == ["shipping.quote"]

"""Own steps on the command line: `run`, `lint` and `worker` find them by `--steps` or in the site folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_S

STEPS = '''
from dataclasses import dataclass

from streams.steps import Refused, step


@dataclass
class Parcel:
    weight: float
    fragile: bool = False


@step("shipping.quote", effect="pure")
def quote(parcel: Parcel, express: bool = False) -> dict[str, float]:
    """Says what it costs to send a parcel."""
    if parcel.weight > 30:
        raise Refused("more than 30 kg goes by truck")
    return {"price": 3 + 2 * parcel.weight + 5 * express}


@step("shipping.book")
def book(parcel: Parcel) -> None:
    """Books."""
'''
DOCUMENT = "document: {dsl: '1.0.3', namespace: tests, name: parcel, version: '1.0.0'}\ndo:\n"
QUOTE = "  - q: {call: shipping.quote, with: {parcel: {weight: '${ .weight }'}, express: true}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_steps.py").write_text(STEPS)
    return tmp_path


def exlify(folder: Path, *arguments: str, tasks: str = QUOTE) -> subprocess.CompletedProcess[str]:
    (folder / "parcel.yaml").write_text(DOCUMENT + tasks)
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, cwd=folder, env=environ
    )


def test_instance_with_own_steps_runs_here(folder: Path) -> None:
    done = exlify(folder, "run", "parcel.yaml", "--steps", "my_steps.py", "--input", '{"weight": 2}', "--json")
    assert (done.returncode, json.loads(done.stdout)["output"]) == (0, {"price": 12.0}), done.stderr


def test_refusal_of_a_step_is_the_error_of_the_instance(folder: Path) -> None:
    done = exlify(folder, "run", "parcel.yaml", "--steps", "my_steps.py", "--input", '{"weight": 31}', "--json")
    error = json.loads(done.stdout)["error"]
    assert (error["reason"], error["detail"]) == (
        "BUSINESS_REJECTED", "shipping.quote: more than 30 kg goes by truck",
    )  # fmt: skip


def test_steps_of_the_site_folder_need_not_be_named(folder: Path) -> None:
    (folder / "steps").mkdir()
    (folder / "my_steps.py").rename(folder / "steps" / "shipping.py")
    done = exlify(folder, "run", "parcel.yaml", "--input", '{"weight": 2}')
    assert done.returncode == 0, done.stderr


def test_lint_knows_own_steps_and_asks_for_their_effect(folder: Path) -> None:
    done = exlify(folder, "lint", "parcel.yaml", "--steps", "my_steps.py")
    assert done.returncode == 0, done.stdout
    assert "my_steps.py:21:1: warning[effect]: shipping.book declares no effect" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("{}", r"parcel.yaml:3:31: error[missing]: `with` lacks `parcel`"),
        ("{parcel: {}}", "`parcel` lacks weight"),
        ("{parcel: {weight: heavy}}", "`parcel` is not of type number"),
        ("{parcel: {weight: 1}, express: 'yes'}", "`express` is not of type boolean"),
        ("{parcel: {weight: 1}, quick: true}", "quick"),
    ],
)
def test_lint_holds_what_is_written_to_the_types_of_the_function(folder: Path, arguments: str, complaint: str) -> None:
    tasks = f"  - q: {{call: shipping.quote, with: {arguments}}}\n"
    done = exlify(folder, "lint", "parcel.yaml", "--steps", "my_steps.py", tasks=tasks)
    assert done.returncode == 2
    assert complaint in done.stdout


def test_step_that_nobody_declares_is_unknown(folder: Path) -> None:
    done = exlify(folder, "lint", "parcel.yaml")
    assert "there is no function `shipping.quote`" in done.stdout


def test_broken_file_is_one_line(folder: Path) -> None:
    (folder / "my_steps.py").write_text("import nothing_of_this_name\n")
    done = exlify(folder, "run", "parcel.yaml", "--steps", "my_steps.py")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "exlify: my_steps.py:1: ModuleNotFoundError" in done.stderr


def test_system_is_not_started_with_steps_that_cannot_be_loaded(folder: Path) -> None:
    (folder / "steps").mkdir()
    (folder / "steps" / "mine.py").write_text("def broken(:\n")
    done = exlify(folder, "up")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "steps/mine.py:1: SyntaxError" in done.stderr


def test_worker_without_anything_to_run_says_what_to_write(folder: Path) -> None:
    done = exlify(folder, "worker")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--steps" in done.stderr


def test_step_with_the_name_of_a_function_of_ours_is_refused(folder: Path) -> None:
    (folder / "my_steps.py").write_text(STEPS.replace("shipping.book", "sql.query"))
    done = exlify(folder, "lint", "parcel.yaml", "--steps", "my_steps.py")
    assert done.returncode == 2
    assert "there is a function sql.query already" in done.stderr

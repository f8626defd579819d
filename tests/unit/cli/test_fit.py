"""Tables on terminals of any width, ids as far as they are needed, times of the reader's own place."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from streams.cli._fit import fitted
from streams.cli._ids import instance_path, task_path
from streams.cli._moments import moment, utc_option
from streams.cli._output import compact, print_table
from streams.ground.errors import UsageError
from tests.support.waiting import PATIENCE_S

ID = "0123456789abcdef" * 2
HEAD = ["INSTANCE", "WORKFLOW", "STATUS", "KEY", "STARTED"]
ROW = [ID, "customer-onboarding-of-the-north", "faulted", "A-1795475670-000001", "2026-09-21 14:13:20 CEST"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_table_is_as_wide_as_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(HEAD, [ROW], ids=["INSTANCE"], spare=["KEY", "STARTED"], notes=["because " * 30])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= width
    assert lines[1].startswith(ID[:8]) and "faulted" in lines[1]


def test_nothing_is_cut_where_no_terminal_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(HEAD, [ROW], ids=["INSTANCE"], spare=["KEY"], notes=["because " * 30])
    printed = capsys.readouterr().out
    assert "because " * 30 in printed + " " and all(cell in printed for cell in ROW)
    assert json.loads(compact({"text": "x" * 1_000})) == {"text": "x" * 1_000}


def test_ids_of_tasks_of_one_instance_stay_apart() -> None:
    table = [["TASK", "TITLE"], [f"{ID}/do/0/a/0/0", "t" * 60], [f"{ID}/do/1/b/0/0", "t" * 60], ["f" * 32, "t"]]
    told = [row[0] for row in fitted(table, 60, ids=[0]).rows[1:]]
    assert told == ["0123456789ab/do/0/a/0/0", "0123456789ab/do/1/b/0/0", "ffffffffffff"]


class Found:
    """A gateway that knows these."""

    def __init__(self, **lists: list[dict[str, str]]) -> None:
        self._lists = lists

    def get(self, path: str, **query: str) -> dict[str, list[dict[str, str]]]:
        return self._lists


TASKS = [{"task_id": f"{ID}/do/0/a/0/0", "status": "completed"}, {"task_id": f"{ID}/do/1/b/0/0", "status": "open"}]


def test_beginning_of_an_id_is_enough() -> None:
    known = Found(instances=[{"instance_id": ID}], tasks=TASKS)
    assert instance_path(known, "0123") == instance_path(known, "0123456789AB…") == f"/v1/instances/{ID}"  # type: ignore[arg-type]
    assert task_path(known, "0123") == f"/v1/tasks/{ID}/do/1/b/0/0"  # type: ignore[arg-type]  # the open one of two


@pytest.mark.parametrize(
    ("lists", "given", "told"),
    [
        ({"instances": []}, "0123", "No instance whose id begins with 0123"),
        ({"instances": [{"instance_id": ID}, {"instance_id": "01" * 16}]}, "01", f"{ID}, {'01' * 16}"),
        ({"instances": []}, "../definitions", "is no id of an instance"),
    ],
)
def test_beginning_that_names_no_single_one_is_told(
    lists: dict[str, list[dict[str, str]]], given: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told.replace(".", r"\.")):
        instance_path(Found(**lists), given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "options", "told"),
    [
        ("Europe/Berlin", [], "2026-07-01 14:00:00 CEST"),
        ("Europe/Berlin", ["--utc"], "2026-07-01 12:00:00 UTC"),
        ("XYZ-3", [], "2026-07-01 15:00:00 XYZ"),
    ],
)
def test_times_are_those_of_the_reader(zone: str, options: list[str], told: str) -> None:
    program = f"import tests.unit.cli.test_fit as here; here.told.main({options!r})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TZ": zone},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout.strip() == told, done.stderr


@click.command()
@utc_option
def told() -> None:
    print(moment("2026-07-01T12:00:00.000Z"))

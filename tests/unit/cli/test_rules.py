"""`exlify rules`: tables of the site folder listed, shown, checked and tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import group

LIMITS = """\
hit: first
rows:
  - {name: too-large, when: {amount: '> 15000', purpose: {not: [A40]}}, route: reject, because: more than is lent}
  - {when: {amount: '< 500'}, route: approve}
tests:
  - {input: {amount: 20000, purpose: A41}, route: reject}
  - {input: {amount: 700}, route: review}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXLIFY_SITE_DIR", str(tmp_path))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "limits.yaml").write_text(LIMITS)
    return tmp_path


def rules(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["rules", *arguments])


def test_tables_are_listed_and_shown(folder: Path) -> None:
    assert "limits" in rules("list").stdout
    (found,) = json.loads(rules("list", "--json").stdout)["tables"]
    assert (found["rows"], found["fields"], found["routes"]) == (2, ["amount", "purpose"], ["reject", "approve"])
    shown = rules("show", "limits").stdout
    assert "amount > 15000, purpose not A40" in shown and "more than is lent" in shown
    assert json.loads(rules("show", "limits", "--json").stdout)["rows"][1]["route"] == "approve"
    (folder / "rules" / "limits.yaml").unlink()
    assert rules("list").stdout == "no tables here\n"


def test_check_tells_tests_gaps_and_faults(folder: Path) -> None:
    checked = rules("check")
    assert checked.exit_code == 0, checked.output
    assert "limits: 2 tests pass" in checked.stdout and "decides nothing where amount is" in checked.stdout
    (folder / "rules" / "bad.yaml").write_text("rows: [{when: {a: []}, route: x}]")
    checked = rules("check")
    assert checked.exit_code == 2 and "bad.yaml:1:19: rows.0.when.a is an empty list" in checked.output
    assert "limits: 2 tests pass" in checked.output
    assert rules("check", "limits").exit_code == 0
    assert json.loads(rules("check", "--json").stdout)["tables"][0]["fault"]


@pytest.mark.parametrize(
    ("case", "route", "because"),
    [
        ({"amount": 20000, "purpose": "A41"}, "reject", "more than is lent"),
        ({"amount": 1}, "approve", None),
        ({"amount": 700}, "review", "no row of the rules holds for it"),
        ({}, "review", "row 1 (too-large) of the rules hangs on amount, which is missing"),
    ],
)
def test_case_is_tried(case: dict[str, object], route: str, because: str | None) -> None:
    ran = rules("run", "limits", "--input", json.dumps(case), "--json")
    found = json.loads(ran.stdout)
    assert found["route"] == route
    assert because is None or because in found["because"]


def test_what_is_not_there_is_said_in_one_line() -> None:
    for arguments, said in (
        (("show", "nothing"), "there is no table nothing; write rules/nothing.yaml"),
        (("run", "limits", "--input", "[1]"), "--input: no object"),
        (("show", "../limits"), "the name is not one of a table"),
    ):
        refused = rules(*arguments)
        assert said in str(refused.exception), refused.output

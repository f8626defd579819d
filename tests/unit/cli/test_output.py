"""Nothing from outside reaches a terminal as it is, whatever the command; colours only where they are wanted."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import streams.cli
from streams.cli import deploy, lint, outcomes, show, tasks, topics
from streams.cli._output import (
    Styled,
    compact,
    echo,
    print_bug,
    print_document,
    print_fields,
    print_json,
    print_line,
    print_page,
    print_refusal,
    print_table,
    status,
)
from streams.cli._reason import reason_line
from streams.ground.terminal import has_colours, visible
from streams.language.faults import Fault
from streams.processors.human.fields import FIELDS
from tests.support.hostile import HOSTILE, OURS, gets_through

PACKAGE = Path(streams.cli.__file__).parent
FAULT = {"file": HOSTILE, "line": 1, "column": 1, "code": HOSTILE, "message": HOSTILE, "remedy": HOSTILE}
DEPLOYED = {"name": HOSTILE, "version": HOSTILE, "digest": HOSTILE}
CAUSE = {"kind": HOSTILE, "pointer": HOSTILE, "output": {HOSTILE: HOSTILE}, "error": {"detail": HOSTILE}}
ENTRY = {
    "seq": 0,
    "at": HOSTILE,
    "status": HOSTILE,
    "cause": CAUSE,
    "transitions": [{"phase": HOSTILE, "pointer": HOSTILE, "iteration": 0, "attempt": 0, "data": HOSTILE}],
}
INSTANCE = {
    **dict.fromkeys(("instance_id", "workflow", "version", "status", "business_key"), HOSTILE),
    **dict.fromkeys(("started_at", "updated_at"), HOSTILE),
    "error": dict.fromkeys(("type", "title", "detail", "instance", "by"), HOSTILE),
    "waits_for": [{"pointer": HOSTILE, "kind": HOSTILE, "since": HOSTILE, "until": HOSTILE, "function": HOSTILE}],
    "decisions": [],
    "retrying": [{**dict.fromkeys(("pointer", "function", "due", "reason"), HOSTILE), "left": 1, "retries": 2}],
    "incidents": [{"pointer": HOSTILE, "opened_at": HOSTILE, "error": {"title": HOSTILE, "detail": HOSTILE}}],
    "history": [ENTRY],
}
OUTCOME = {
    "ended_at": HOSTILE,
    "instance_id": HOSTILE,
    "status": HOSTILE,
    "business_key": HOSTILE,
    "output": HOSTILE,
    "error": None,
}
TASK = {field.shown: HOSTILE for field in FIELDS} | {"overdue": True}
PRINTED = {
    "table": lambda: print_table(["A", "B"], [[HOSTILE, status(HOSTILE)]]),
    "page": lambda: print_page(["A"], [[HOSTILE]], HOSTILE),
    "fields": lambda: print_fields([(HOSTILE, HOSTILE)]),
    "status": lambda: echo(status(HOSTILE), HOSTILE),
    "json": lambda: print_json({HOSTILE: [HOSTILE]}),
    "line": lambda: print_line({HOSTILE: [HOSTILE]}),
    "document": lambda: print_document(json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False)),
    "compact": lambda: echo(compact({HOSTILE: HOSTILE})),
    "refusal": lambda: print_refusal(click.UsageError(HOSTILE)),
    "bug": lambda: print_bug(ValueError, ValueError(HOSTILE), None),
    "lint": lambda: lint._print([Fault(**FAULT)], 1),  # type: ignore[arg-type]
    "deploy": lambda: deploy._print({"file": HOSTILE, "faults": [FAULT | {"severity": HOSTILE}], **DEPLOYED}),
    "show": lambda: show._print_entry(ENTRY),
    "head of show": lambda: print_fields(show._head(INSTANCE)),
    "note": lambda: print_table(["A"], [["a"]], notes=[reason_line({"detail": HOSTILE})]),
    "outcomes": lambda: outcomes._print(OUTCOME, as_json=False),
    "outcomes json": lambda: outcomes._print(OUTCOME, as_json=True),
    "task": lambda: tasks._print(TASK),
    "doubts": lambda: topics._tell_doubts([{"topic": HOSTILE, "shortened": ["x"], "complete": True}]),
}  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["terminal", "pipe"])
def said(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What is printed, on standard output and error, once on a terminal that knows colours."""

    def printed(what: str) -> str:
        stream = Terminal() if request.param == "terminal" else io.StringIO()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        PRINTED[what]()
        return stream.getvalue()

    return printed


@pytest.mark.parametrize("what", PRINTED)
def test_nothing_from_outside_moves_a_terminal(what: str, said: Callable[[str], str]) -> None:
    printed = said(what)
    assert "RED" in printed and gets_through(printed) == []
    assert "\nROW" not in printed or what in ("refusal", "bug")  # these have lines of their own
    printed.encode()  # a lone surrogate would not even be printed


@pytest.mark.parametrize("what", ["json", "line", "document"])
def test_json_stays_the_same_value(what: str, said: Callable[[str], str]) -> None:
    assert HOSTILE in json.loads(said(what))


def test_names_of_people_stay_as_they_are() -> None:
    for name in ("Žofie Müller", "李小龍", "می‌خواهم", "👩‍⚕️", "5\xa0000 €"):
        assert visible(name) == name


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(
    environ: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    print_table(["STATUS"], [[status("faulted")]])
    assert (bool(OURS.search(terminal.getvalue())), has_colours(terminal)) == (coloured, coloured)
    assert not has_colours(io.StringIO())


def test_columns_line_up_by_what_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["A", "B", "C"], [["\x1b", "x", None], ["longer", Styled("", "red"), ""]])
    assert capsys.readouterr().out == "A       B  C\n\\x1b    x  -\nlonger\n"


def test_only_one_module_prints() -> None:
    """Whatever a command says goes through `_output`."""
    loud = re.compile(r"print|click\.(echo|secho|style)|sys\.std(out|err)\.write")
    for file in PACKAGE.glob("*.py"):
        if file.name == "_output.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                assert not loud.fullmatch(ast.unparse(node.func)), f"{file}:{node.lineno}"


@pytest.mark.parametrize(("audit", "said"), [(True, True), (False, False)])
def test_task_says_what_it_is_and_not_what_it_is_not(
    audit: bool, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks._print(TASK | {"audit": audit})
    assert ("blind audit" in capsys.readouterr().out) is said

"""Texts from templates: escaped where it is HTML, in a sandbox, and never with a gap in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.reasons import Reason
from streams.cli import group
from streams.processors.call.templates import TemplateError, Templates


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    return tmp_path


def render(folder: Path, text: str, value: Any, name: str = "a.txt") -> str:
    (folder / "templates" / name).write_text(text)
    return Templates(folder).render(name, value)


def test_html_is_escaped_and_text_is_not(folder: Path) -> None:
    value = {"name": "<b>Ada & Sons</b>"}
    assert render(folder, "Dear {{ name }},\n", value) == "Dear <b>Ada & Sons</b>,\n"
    escaped = "<p>&lt;b&gt;Ada &amp; Sons&lt;/b&gt;</p>"
    assert render(folder, "<p>{{ name }}</p>", value, "a.html") == escaped


def test_lists_and_a_change_count_at_once(folder: Path) -> None:
    templates = Templates(folder)
    file = folder / "templates" / "a.txt"
    file.write_text("{% for each in input %}{{ each }};{% endfor %}")
    assert templates.render("a.txt", [1, 2]) == "1;2;"
    file.write_text("{{ input | length }} of them")
    assert templates.render("a.txt", [1, 2]) == "2 of them"


@pytest.mark.parametrize(
    ("text", "reason", "told"),
    [
        ("{{ nothing }}", Reason.INPUT_INVALID, "'nothing' is undefined"),
        ("{{ input[secret] }}", Reason.INPUT_INVALID, "a member of what it is filled with is not there"),
        ("{% include secret %}", Reason.MISCONFIGURED, "templates/a.txt includes what is not there"),
        ("a\n{% if %}", Reason.MISCONFIGURED, "line 2: "),
        ("{{ secret / 2 }}", Reason.INPUT_INVALID, "(TypeError)"),
        ("{{ secret.__class__.__mro__ }}", Reason.POLICY_DENIED, "may not see"),
        ("{% for a in range(90000) %}{{ secret }}{% endfor %}", Reason.INPUT_INVALID, "longer than 262144"),
        ("{% include 'b.txt' %}", Reason.MISCONFIGURED, "templates/a.txt includes what is not there"),
        ("{% include '../connections.yaml' %}", Reason.MISCONFIGURED, "templates/a.txt includes what is not there"),
    ],
)
def test_what_cannot_be_made_is_told_without_data(folder: Path, text: str, reason: Reason, told: str) -> None:
    (folder / "connections.yaml").write_text("password")
    with pytest.raises(TemplateError) as error:
        render(folder, text, {"secret": "Lovelace"})
    assert error.value.reason is reason
    assert told in str(error.value)
    assert "Lovelace" not in str(error.value)


@pytest.mark.parametrize("name", ["../a.txt", "a", "/etc/passwd", "A.txt", ""])
def test_a_name_that_leads_elsewhere_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(TemplateError, match="not one of a template"):
        Templates(folder).render(name, {})


WORKFLOW = """
document: {dsl: '1.0.3', namespace: test, name: letter, version: '1.0.0'}
do:
  - write: {call: template, with: {name: thanks.txt, input: '${ . }'}}
"""


def test_a_step_gives_the_text(folder: Path) -> None:
    (folder / "templates" / "thanks.txt").write_text("Thank you, {{ name }}.")
    (folder / "flow.yaml").write_text(WORKFLOW)
    environ = {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_DATA_DIR": str(folder / "data")}
    told = CliRunner(env=environ).invoke(group, ["run", str(folder / "flow.yaml"), "--input", '{"name": "Ada"}'])
    assert json.loads(told.stdout)["output"] == "Thank you, Ada."

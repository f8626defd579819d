"""Schemas in files are written into the definition, and its lines stay where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import lint, run
from streams.language import DefinitionError
from streams.language.bundle import bundled
from streams.language.source import parse
from tests.support.definitions import check
from tests.support.faulty import HEAD

FILES = {"order.json": {"type": "object", "required": ["id"]}, "in/sum.yaml": {"type": "number"}}


def read(name: str) -> object:
    if name not in FILES:
        raise ValueError("can't be read: No such file")
    return FILES[name]


BLOCK = """\
input:
  schema:
    format: json
    resource:
      endpoint: ./order.json
do:
- a:
    set: {schema: {resource: {endpoint: order.json}}}
    output: {schema: {resource: {endpoint: {uri: in/sum.yaml}}}, as: .x}
"""


def test_files_take_the_place_of_their_names_and_lines_stay() -> None:
    text = bundled(HEAD + BLOCK, "w.yaml", read)
    value = parse(text, "w.yaml").value
    assert value["input"]["schema"] == {"format": "json", "document": FILES["order.json"]}
    task = value["do"][0]["a"]
    assert task["output"]["schema"] == {"document": {"type": "number"}}
    assert task["set"] == {"schema": {"resource": {"endpoint": "order.json"}}}, "that is data"
    assert text.count("\n") == (HEAD + BLOCK).count("\n")
    before = parse(HEAD + BLOCK, "w.yaml").keys["do", 0, "a"].start_mark.line
    assert parse(text, "w.yaml").keys["do", 0, "a"].start_mark.line == before


def test_file_that_is_not_there_is_told_at_its_place() -> None:
    text = HEAD + BLOCK.replace("order.json\ndo", "gone.json\ndo")
    with pytest.raises(DefinitionError, match=r"w\.yaml:6:7: error\[resource\]: \./gone\.json can't be read"):
        bundled(text, "w.yaml", read)


@pytest.mark.parametrize("name", ["../order.json", "/etc/passwd", "https://example.com/x.json", "a/../../b.json"])
def test_what_is_no_file_of_the_folder_is_left_to_lint(name: str) -> None:
    text = HEAD + BLOCK.replace("./order.json", name)
    assert name in bundled(text, "w.yaml", read)


def test_commands_read_the_folder_of_the_definition(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "order.yaml").write_text("type: object\nrequired: [id]\n")
    file = tmp_path / "w.yaml"
    file.write_text(
        f"{HEAD}input: {{schema: {{resource: {{endpoint: schemas/order.yaml}}}}}}\ndo: [{{a: {{set: {{x: 1}}}}}}]\n"
    )
    assert CliRunner().invoke(lint.command, [str(file)]).exit_code == 0
    assert CliRunner().invoke(run.command, [str(file), "--input", '{"id": 1}']).exit_code == 0
    refused = CliRunner().invoke(run.command, [str(file), "--input", "{}"])
    assert "lacks id" in refused.output
    (tmp_path / "schemas" / "order.yaml").unlink()
    lacking = CliRunner().invoke(lint.command, [str(file)])
    assert lacking.exit_code == 2
    assert "schemas/order.yaml can't be read: No such file or directory" in lacking.output


CALENDARS = {"office": {"zone": "Europe/Berlin", "hours": ["09:00-17:00"], "holidays": ["2026-12-25"]}}
WAITS = """\
do:
- a:
    wait: {hours: 4}
    metadata:
      calendar: office
- b: {set: {wait: 1, metadata: {calendar: office}}}
- c: {do: [{d: {wait: PT1H, metadata: {calendar: office, x: 1}}}]}
"""


def test_calendar_of_a_wait_is_written_in_where_it_is_named() -> None:
    text = bundled(HEAD + WAITS, "w.yaml", read, lambda: CALENDARS)
    value = parse(text, "w.yaml").value
    assert value["do"][0]["a"]["metadata"] == {"calendar": CALENDARS["office"]}
    assert value["do"][1]["b"] == {"set": {"wait": 1, "metadata": {"calendar": "office"}}}, "that is data"
    assert value["do"][2]["c"]["do"][0]["d"]["metadata"] == {"calendar": CALENDARS["office"], "x": 1}
    assert text.count("\n") == (HEAD + WAITS).count("\n")
    assert check(text) == []


def test_calendar_that_the_site_does_not_have_is_told_at_its_place() -> None:
    with pytest.raises(DefinitionError, match=r"w\.yaml:6:17: error\[calendar\]: .* 'office'.*mean offices"):
        bundled(HEAD + WAITS, "w.yaml", read, lambda: {"offices": {}})


def test_name_that_nobody_has_written_in_is_refused_with_the_remedy() -> None:
    assert [(fault.code, "exlify deploy" in fault.remedy) for fault in check(HEAD + WAITS)] == [("calendar", True)] * 2


@pytest.mark.parametrize("calendar", ["5", "{}", "{hours: ['17:00-09:00']}", "{hours: ['09:00-17:00'], zone: Mars}"])
def test_calendar_that_is_none_is_refused(calendar: str) -> None:
    (fault,) = check(f"{HEAD}do: [{{a: {{wait: PT1H, metadata: {{calendar: {calendar}}}}}}}]")
    assert fault.code == "calendar"


def test_commands_write_calendars_of_the_site_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXLIFY_SITE_DIR", str(tmp_path))
    (tmp_path / "calendars.yaml").write_text("office: {hours: ['09:00-17:00'], holidays: [2026-12-25]}\n")
    file = tmp_path / "w.yaml"
    file.write_text(HEAD + WAITS)
    done = CliRunner().invoke(lint.command, [str(file)])
    assert done.exit_code == 0, done.output

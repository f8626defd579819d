"""Decision tables in files of the site: asked by their names, carried by commands, kept while a file is bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.serving.registry import Registry
from models.serving.shelf import Shelf
from schemas.codec import Codec
from schemas.problems import CONFIGURATION
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.local import run_locally
from streams.processors import ALL
from streams.processors.decide.decision import Carried, carry_out
from streams.processors.decide.lint import model_faults
from streams.processors.decide.pins import ModelPins
from streams.processors.decide.tables import Tables
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import check, load

LIMITS = "rows: [{name: too-large, when: {amount: '> %d'}, route: reject}, {when: {}, route: approve}]\n"
HEAD = "document: {dsl: '1.0.3', namespace: a, name: w, version: '1.0.0'}\n"
ASKS = HEAD + "do:\n- a: {call: rules, with: {table: limits}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "limits.yaml").write_text(LIMITS % 100)
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "rules" / "limits.yaml").write_text(text)


def asked(arguments: dict[str, Any], pin: str | None, function: str = "rules") -> Carried:
    command = {
        "instance_id": "0" * 32, "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": function,
        "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d", "pin": pin,
    }  # fmt: skip
    return carry_out(command, Registry(), 1)


def test_command_carries_the_rows_so_that_it_is_decided_alike_after_a_change(folder: Path) -> None:
    given = context(Codec.offline(), Settings(site_dir=folder))
    pins, arguments = ModelPins(given), {"table": "limits", "input": {"amount": 150}}
    before = pins.pin(payload(arguments), 1)
    write(folder, LIMITS % 200)
    for _ in range(2):  # a change counts once two looks have seen it
        given.site.look()
    after = pins.pin(payload(arguments), 1)
    first, second = asked(arguments, before), asked(arguments, after)
    assert [each.result["output"].value()["route"] for each in (first, second)] == ["reject", "approve"]
    assert asked(arguments, before) == first
    assert first.decision is not None and '"> 100"' in first.decision["tables"]


def test_faulty_change_leaves_the_rows_of_before_in_force(folder: Path) -> None:
    site = Site(folder)
    tables = Tables(folder, site)
    before = tables.get("limits")
    write(folder, "rows: [{when: {amount: '> x'}, route: reject}]")
    for _ in range(2):
        site.look()
    assert tables.get("limits") == before
    fault = site.faults["rules/limits.yaml"]
    assert (fault.line, fault.column) == (1, 24)
    assert fault.reason == "rows.0.when.amount begins like a condition and is none"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the table limits is empty"),
        ("[1]", "limits.yaml:1:1: not a mapping"),
        ("rows: []", "1:7: rows is no list of 1 to 200 rows"),
        ("rows: [{when: {}, route: a}, {when: {n: 1}, route: b}]", "rows.1 can never decide: row 1 takes all"),
        ("hit: unique\nrows: [{when: {}, route: a}, {when: {n: 1}, route: b}]", "can hold for the same case as row 1"),
        (LIMITS % 100 + "tests: [{input: {amount: 5}, route: reject}]", "2:9: test 1 gives approve and not reject"),
        (LIMITS % 100 + "tests: [{input: 5, route: reject}]", "a test without `input` and `route`"),
        (LIMITS % 100 + "more: 1", "more is not known"),
        (LIMITS.replace("reject", "x" * 600) % 100, "`route` is no text"),
    ],
)
def test_file_that_cannot_be_used_says_why_and_where(folder: Path, text: str, said: str) -> None:
    write(folder, text)
    with pytest.raises(ConfigurationError, match="limits") as caught:
        Tables(folder, Site(folder)).get("limits")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["../limits", "Limits", "", "a/b"])
def test_name_leads_nowhere_else(folder: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="not one of a table"):
        Tables(folder, Site(folder)).get(name)


def test_table_that_is_not_there_fails_the_step_and_says_where_it_should_be(folder: Path) -> None:
    pins = ModelPins(context(Codec.offline(), Settings(site_dir=folder)))
    arguments = {"table": "elsewhere", "input": {}}
    for pin, said in (
        (pins.pin(payload(arguments), 1), "there is no table elsewhere; write rules/elsewhere.yaml"),
        (None, "it was not looked for"),
    ):
        error = asked(arguments, pin).result["error"]
        assert error["type"] == CONFIGURATION and said in error["detail"]


@pytest.mark.parametrize("pin", [";5", ";{", ";[1, 2]"])
def test_pin_that_is_none_fails_the_step(pin: str) -> None:
    assert asked({"table": "limits", "input": {}}, pin).result["error"]["type"] == CONFIGURATION


def test_models_and_tables_are_pinned_together(folder: Path) -> None:
    pins = ModelPins(context(Codec.offline(), Settings(site_dir=folder)))
    case = dict(Registry().get("credit-risk").card.reference.values)
    given = {"model": "credit-risk", "instead": ["nobody"], "rules": "limits", "otherwise": "limits"}
    arguments = {**given, "input": {**case, "amount": 500}}
    pin = pins.pin(payload(arguments), 1)
    assert pin is not None and pin.startswith("credit-risk@") and ",none;{" in pin
    decided = asked(arguments, pin, "decide").result["output"].value()
    assert (decided["route"], decided["rule"]["name"]) == ("reject", "too-large")


async def test_definition_asks_a_table_by_its_name(folder: Path) -> None:
    assert check(ASKS) == []
    report = await run_locally(load(ASKS), {"amount": 500}, {}, Settings(site_dir=folder), ALL)
    found: Any = report.output
    assert (found["route"], found["model"]) == ("reject", "rules")


def linted(folder: Path, text: str) -> list[str]:
    return [str(each) for each in model_faults(text, "w.yaml", Shelf(), Tables(folder, Site(folder)))]


def test_lint_knows_the_tables_of_the_site(folder: Path) -> None:
    assert linted(folder, ASKS) == []
    assert linted(folder, ASKS + "- b: {if: '${ .route == \"reject\" }', set: {}}\n") == []
    (fault,) = linted(folder, ASKS + "- b: {if: '${ .route == \"refuse\" }', set: {}}\n")
    assert "nothing that is asked here has a route 'refuse'" in fault
    (fault,) = linted(folder, ASKS.replace("limits", "limit"))
    assert "w.yaml:3:" in fault and "there is no table 'limit' (do you mean limits?)" in fault
    assert "there is limits" in fault
    write(folder, "rows: [{when: {amount: '> 100'}, route: reject}]")
    (fault,) = linted(folder, ASKS)
    assert "warning[gap]" in fault and "decides nothing where amount is" in fault
    write(folder, "rows: 5")
    (fault,) = linted(folder, ASKS)
    assert "it cannot be used" in fault and "limits.yaml:1:7" in fault


def test_name_of_a_table_is_judged_before_it_is_deployed() -> None:
    (fault,) = check(ASKS.replace("limits", "'../x'"))
    assert "is no name of a table" in fault.message
    (fault,) = check(ASKS.replace("limits", "'${ .table }'"))
    assert "data must not become part of it" in fault.message

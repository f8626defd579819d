"""Rules beside models: rows that come first, models one after the other, rows for where none may act, people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from models.serving.registry import Registry
from models.serving.shelf import Shelf
from schemas.codec import Codec
from schemas.messages import DECISION
from schemas.problems import CONFIGURATION, VALIDATION
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.language import Fault
from streams.local import run_locally
from streams.processors import ALL
from streams.processors.decide.chain import OutOfUseError
from streams.processors.decide.decision import carry_out
from streams.processors.decide.lint import model_faults
from streams.processors.decide.pins import ModelPins
from streams.processors.decide.recompute import recomputed
from streams.processors.decide.tables import Tables
from streams.readmodel import presentation
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import check, load
from tests.support.model_folders import models_folder

CODEC = Codec.offline()
APPLICATION = dict(Registry().get("credit-risk").card.reference.values)
TOO_LARGE = {"rows": [{"name": "too-large", "when": {"amount_dm": "> 15000"}, "route": "reject", "because": "the law"}]}
SMALL = {"rows": [{"when": {"amount_dm": "< 1000"}, "route": "approve"}]}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """`sound` may act; `closed` has no certificate; `broken` has no file."""
    folder = models_folder(tmp_path, "sound", "closed", "broken")
    (folder / "closed" / "1" / "certificate.toml").unlink()
    (folder / "broken" / "1" / "model.onnx").unlink()
    return Registry(folder)


def command(function: str, arguments: dict[str, Any], pin: str | None = None) -> dict[str, Any]:
    return {
        "instance_id": "0" * 32, "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": function,
        "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d", "pin": pin,
    }  # fmt: skip


def decide(
    registry: Registry, values: dict[str, Any] | None = None, pin: str | None = None, **arguments: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Output and record, which comes out again when it is computed anew."""
    given = {"input": {**APPLICATION, **(values or {})}, **arguments}
    carried = carry_out(command("rules" if "table" in given else "decide", given, pin), registry, 1)
    assert carried.decision is not None, carried.result["error"]
    _, read = CODEC.decode(CODEC.encode(DECISION, carried.decision))
    record: dict[str, Any] = orjson.loads(presentation.dumps(presentation.message(read)))
    assert recomputed(record, registry) == []
    return carried.result["output"].value(), record


def test_row_that_holds_decides_and_no_model_is_asked(registry: Registry) -> None:
    output, record = decide(registry, {"amount_dm": 20_000}, model="broken", rules=TOO_LARGE)
    assert (output["route"], output["model"], output["score"]) == ("reject", "rules", None)
    assert output["rule"] == {"row": 1, "name": "too-large", "because": "the law", "otherwise": False}
    assert [reason["text"] for reason in output["reasons"]] == ["the law"]
    assert (record["rule"], record["input"]) == (1, {"amount_dm": 20_000})


def test_model_decides_where_no_row_holds(registry: Registry) -> None:
    output, record = decide(registry, model="sound", rules=TOO_LARGE)
    assert (output["route"], output["model"], output["rule"]) == ("approve", "sound", None)
    assert orjson.loads(record["tables"]) == {"rules": TOO_LARGE}


def test_hard_rule_that_cannot_be_judged_goes_to_a_person_and_not_to_the_model(registry: Registry) -> None:
    output, _ = decide(registry, {"amount_dm": None}, model="sound", rules=TOO_LARGE)
    assert (output["route"], [held["why"] for held in output["held"]]) == ("review", ["MISSING"])
    assert output["model"] == "rules"


def test_chain_is_model_other_model_rules_person(registry: Registry) -> None:
    chain: dict[str, Any] = {"instead": ["closed", "sound"], "otherwise": SMALL}
    output, record = decide(registry, model="broken", **chain)
    assert (output["route"], output["model"]) == ("approve", "sound")
    passed = [(each["field"], each["why"]) for each in record["passed"]]
    assert passed == [("broken", "OUT_OF_USE"), ("closed", "NO_CERTIFICATE")]
    output, record = decide(registry, {"amount_dm": 500}, model="closed", otherwise=SMALL)
    assert (output["route"], output["rule"]["otherwise"], record["rule"]) == ("approve", True, 1)
    output, record = decide(registry, model="closed", otherwise=SMALL)
    assert (output["route"], output["model"], output["held"][0]["why"]) == ("review", "closed", "NO_CERTIFICATE")
    assert output["score"] is not None
    output, record = decide(registry, model="broken", instead=["broken"])
    assert (output["route"], [held["why"] for held in output["held"]]) == ("review", ["OUT_OF_USE", "OUT_OF_USE"])
    output, _ = decide(registry, {"amount_dm": 500}, model="nobody", otherwise=SMALL)
    assert output["route"] == "approve"


def test_what_a_model_says_of_a_case_is_not_asked_of_another(registry: Registry) -> None:
    output, record = decide(registry, {"amount_dm": -5}, model="sound", instead=["closed"], otherwise=SMALL)
    assert (output["route"], output["model"], record["passed"]) == ("review", "sound", [])


def test_single_model_is_waited_for_as_before(registry: Registry) -> None:
    with pytest.raises(OutOfUseError):
        decide(registry, model="broken", rules=TOO_LARGE)


def test_table_alone(registry: Registry) -> None:
    output, record = decide(registry, {"amount_dm": 20_000}, table=TOO_LARGE)
    assert (output["route"], record["model"], record["rule"]) == ("reject", "rules", 1)
    output, _ = decide(registry, table=TOO_LARGE)
    assert (output["route"], [held["why"] for held in output["held"]]) == ("review", ["NO_ROW"])


@pytest.mark.parametrize(
    ("function", "arguments", "kind", "detail"),
    [
        ("rules", {"input": {}}, VALIDATION, "with.table: missing"),
        ("rules", {"input": 5, "table": TOO_LARGE}, VALIDATION, "with.input: missing"),
        ("rules", {"input": {}, "table": {"rows": [5]}}, VALIDATION, "with.table.rows.0 is no object"),
        ("decide", {"model": "sound", "input": {}, "instead": 5}, VALIDATION, "with.instead: no list"),
        ("decide", {"model": "a", "input": {}, "instead": ["b"]}, CONFIGURATION, "with.model: The command is pinned"),
    ],
)
def test_bad_question_faults_the_step(
    registry: Registry, function: str, arguments: dict[str, Any], kind: str, detail: str
) -> None:
    result = carry_out(command(function, arguments, pin="a@1"), registry, 1).result
    assert (result["error"]["type"], result["error"]["detail"][: len(detail)]) == (kind, detail)


def test_every_model_of_the_chain_is_pinned() -> None:
    pins = ModelPins(context(CODEC))
    pinned = pins.pin(payload({"model": "credit-risk", "instead": ["nobody", "credit-risk"]}), 1)
    alone = pins.pin(payload({"model": "credit-risk"}), 1)
    assert alone and pinned == f"{alone},none,{alone}"
    output, record = decide(Registry(), model="nobody", instead=["credit-risk"], pin=f"none,{alone}")
    assert (output["model"], [each["field"] for each in record["passed"]]) == ("credit-risk", ["nobody"])


def test_record_whose_table_was_changed_is_told(registry: Registry) -> None:
    _, record = decide(registry, {"amount_dm": 20_000}, model="sound", rules=TOO_LARGE)
    changed = record | {"tables": record["tables"].replace("15000", "25000")}
    assert "rule" in [each.field for each in recomputed(changed | {"model_version": "1", "model": "sound"}, registry)]


@pytest.mark.parametrize(
    ("rows", "at", "said"),
    [
        ("[{when: {n: '> x'}, route: a}]", "n: '>", "begins like a condition"),
        ("[{when: {n: '${ .n }'}, route: a}]", "'${", "is written out, data must not become part of it"),
        ("[{when: {}, route: a}, {when: {n: 1}, route: b}]", "{when: {n: 1}", "can never decide: row 1 takes all"),
    ],
)
def test_table_is_judged_before_it_is_deployed(rows: str, at: str, said: str) -> None:
    text = f"{HEAD}do:\n- a: {{call: rules, with: {{table: {{rows: {rows}}}}}}}\n"
    fault = check(text)[0]
    line = text.splitlines()[2]
    assert (fault.line, fault.column, said in fault.message) == (3, line.index(at) + 1, True), fault


async def test_rules_are_asked_by_a_definition() -> None:
    rows = "[{when: {n: '> 5'}, route: much, because: it is a lot}]"
    text = f"{HEAD}do:\n- a: {{call: rules, with: {{table: {{rows: {rows}}}}}}}\n"
    found = [(await run_locally(load(text), {"n": n}, {}, Settings(), ALL)).output for n in (9, 1)]
    shown: Any = found
    assert [each["route"] for each in shown] == ["much", "review"]
    assert shown[0]["reasons"][0]["text"] == "it is a lot"


HEAD = "document: {dsl: '1.0.3', namespace: a, name: w, version: '1.0.0'}\n"
ASKS = (
    HEAD + "do: [{a: {call: decide, with: {model: sound, instead: [%s], rules: {rows: [%s]}}}}, "
    "{b: {if: '${ %s }', set: {}}}]"
)


def of(text: str, registry: Registry) -> list[Fault]:
    shelf: Shelf = registry.shelf
    return model_faults(text, "w.yaml", shelf, Tables(Path("nowhere"), Site(Path("nowhere"))))


def test_lint_knows_the_chain_and_the_routes_of_rows(registry: Registry) -> None:
    row = "{when: {}, route: refuse}"
    assert of(ASKS % ("closed", row, '.route == "refuse"'), registry) == []
    (fault,) = of(ASKS % ("closedd", row, ".a"), registry)
    assert fault.message == "there is no model 'closedd' (do you mean closed?)"
    (fault,) = of(ASKS % ("closed", row, '.route == "refused"'), registry)
    assert fault.code == "model-route"

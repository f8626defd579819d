"""What shows that a recipe has worked: run in the changed copy, `python -m tests.recipes.proofs NAME`.

Each proof asks the product as a user or a worker would. It fails with what was expected.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import struct
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import MetaData, Table, create_engine, text

from infra import render
from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import DEAD_LETTER, DECISION, HUMAN_TASK
from schemas.samples import sample
from streams import catalogue
from streams.cli import group
from streams.gateway.openapi import document
from streams.gateway.server import ROUTES
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.decide.rows import DECISIONS, ROWS
from streams.processors.human.task import decode_task
from streams.readmodel.database import open_database
from streams.readmodel.projection import Received
from streams.readmodel.settings import read_model_url
from streams.readmodel.writer import Writer
from tests.reference.inbox import Inbox
from tests.reference.interpreter import Answer, interpret
from tests.support.contexts import context
from tests.support.definitions import check, load, read
from tests.support.desk import Desk, command
from tests.support.gateways import AsyncGateway

HEAD = "document: {dsl: '1.0.3', namespace: recipes, name: recipe, version: '1.0.0'}\n"


def operation() -> None:
    """Lint takes a definition that calls it, and the suite of all connectors passes for it."""
    _called("sql.count", "{connection: hr, statement: SELECT 1}", "{connection: hr}")
    assert catalogue.carried_out_by("sql.count").name == "call"
    _tested("tests/unit/connectors/test_contract.py", "-k", "sql")


def connector() -> None:
    """Its operation is known, and the suite of all connectors passes for it."""
    _called("textfile.read", "{connection: inbox, file: rates.csv}", "{file: rates.csv}")
    _tested("tests/unit/connectors/test_contract.py", "-k", "textfile")
    _tested("tests/guard/test_declarations.py", "-k", "connector or load_no_client")


def processor() -> None:
    """It is provisioned, hosted, documented and made."""
    settings = Settings()
    assert "faults.record.instance.v1" in {topic.name for topic in catalogue.topics(settings)}
    assert "faults" in catalogue.workers()["view"]
    known = context()
    (made,) = catalogue.make_processors(["faults"], settings, known.codec, known.definitions, Site(Path()))
    assert made.declaration.name == "faults"
    assert "`faults.record.instance.v1`" in _page("processors.md") and "faults" in _page("topics.md")
    _tested("tests/unit/processors/test_faults.py", "tests/guard/test_declarations.py", "-k", "faults or processor")


def construct() -> None:
    """It is read, compiled, run by the engine, and means the same to the reference interpreter."""
    text = f"{HEAD}do:\n- idle: {{pass: {{}}}}\n- after: {{set: {{n: '${{ .n + 1 }}'}}}}\n"

    def calls(pointer: str, function: str, arguments: object) -> Answer:
        raise AssertionError("nothing is called")

    outcome = Inbox(load(text), calls, Random(1)).run({"n": 1})
    assert outcome.output is not None
    assert outcome.output.value() == interpret(read(text), {"n": 1}, calls).output == {"n": 2}
    assert [fault.code for fault in check(text.replace("{}", "{x: 1}"))] == ["unknown-key"]
    _tested("tests/guard/test_constructs.py", "tests/unit/language/test_profile.py")


def function() -> None:
    """It is known to lint and routed to its processor, which carries it out."""
    _called("models", "{}", "{model: credit-risk}")
    assert catalogue.carried_out_by("models").name == "decide"
    assert "`models`" in _page("processors.md")
    _tested("tests/unit/processors/test_decide.py", "-k", "listed")


def decision() -> None:
    """It is in the listing of the registry, loads and decides."""
    from models.serving.registry import FOLDER, Registry

    folder = FOLDER / "late-payment" / "1"
    (folder / "model.onnx").write_bytes(MODEL)
    assert hashlib.sha256(MODEL).hexdigest() in (folder / "card.toml").read_text()
    registry = Registry()
    assert "late-payment" in registry.names
    verdict = registry.get("late-payment").decide({"reminders": 1, "invoices": 0})
    assert (verdict.score, verdict.route) == (0.268941, "review")
    assert [held.why for held in verdict.held] == ["NO_CERTIFICATE"]
    _tested("tests/guard/test_documents.py", "-k", "notice")


def metric() -> None:
    """It is in the catalogue and on the page, counts, and its alert passes the guard."""
    assert "exlify_intake_unmatched" in {metric._name for metric in catalogue.METRICS}
    assert "`exlify_intake_unmatched_total`" in _page("metrics.md")
    _tested("tests/guard/test_alerts.py", "-k", "Unmatched")


def setting() -> None:
    """It is read, is on the page, and a value that does not fit refuses the start."""
    from streams.processors.call import CallSettings

    variable = "EXLIFY_CALL_MAX_OUTPUT_BYTES"
    assert vars(catalogue.load_settings({variable: "1000"}).of(CallSettings))["max_output_bytes"] == 1000
    with pytest.raises(ConfigurationError, match=f"{variable}: '0' does not fit. Write a whole number from 1 to"):
        catalogue.load_settings({variable: "0"})
    assert f"| `{variable}` | `921600` |" in _page("settings.md")
    _tested("tests/guard/test_settings.py")


def verb() -> None:
    """`exlify --help` lists it, and it explains itself and answers."""
    helped, explained, answered = (
        CliRunner().invoke(group, arguments) for arguments in (["--help"], ["processors", "-h"], ["processors"])
    )
    assert "List the processors." in helped.output
    assert "Examples:" in explained.output
    assert answered.exit_code == 0 and "orchestrate" in answered.output


def column() -> None:
    """It is in a fresh database and in one of an earlier layout, and filled in both."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("fresh", "older"):
            settings = Settings(data_dir=Path(folder) / name)
            settings.data_dir.mkdir()
            if name == "older":
                _lay_out_without(DECISIONS, "certificate", settings)
            engine = open_database(settings, ROWS)
            codec = Codec.offline()
            value = codec.encode(DECISION, sample(current()[DECISION]) | {"certificate": "credit-risk/1/approve"})
            Writer(engine, ROWS).write([Received(*codec.decode(value), value)])
            with engine.connect() as connection:
                assert connection.execute(text("SELECT certificate FROM decisions")).all() == [
                    ("credit-risk/1/approve",)
                ]
            engine.dispose()


def _lay_out_without(table: Table, column: str, settings: Settings) -> None:
    """What an earlier version has left behind."""
    older = create_engine(read_model_url(settings))
    columns = [each._copy() for each in table.columns if each.name != column]
    Table(table.name, MetaData(), *columns).create(older)
    older.dispose()


def field() -> None:
    """Lint, record, table, gateway and command line know it, and a task from before has its default."""
    definition = f"{HEAD}do:\n- ask:\n    call: human\n    with: {{team: t, title: x, outcomes: [ok], priority: %s}}\n"
    assert check(definition % "high") == []
    (fault,) = check(definition % "urgent")
    assert "priority" in fault.message and "high" in fault.message + fault.remedy
    desk = Desk()
    (task,) = desk.decoded(desk.deliver(command(priority="high")), HUMAN_TASK)
    assert task["priority"] == "high"
    assert Desk().decoded(Desk().deliver(command()), HUMAN_TASK)[0]["priority"] == "normal"
    (letter,) = desk.decoded(Desk().deliver(command(priority="urgent")), DEAD_LETTER)
    assert "priority" in letter["error"]["detail"]
    (row,) = desk.table.rows.values()
    assert decode_task(row.value).fields["priority"] == "high"
    assert '"priority": {"type": "string", "enum": ["low", "normal", "high"]}' in json.dumps(document(ROUTES)["paths"])
    asyncio.run(_seen_by_people(task))


async def _seen_by_people(task: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncGateway(Settings(data_dir=Path(folder))) as gateway:
            gateway.see(HUMAN_TASK, task)
            status, page = await gateway.ask("GET", "/v1/tasks")
            assert (status, page["tasks"][0]["priority"]) == (200, "high")
            environ = {"EXLIFY_GATEWAY_URL": str(gateway.client.make_url("")), "EXLIFY_DATA_DIR": folder}
            for arguments in (["tasks"], ["tasks", "show", task["task_id"]]):
                shown = await asyncio.to_thread(CliRunner(env=environ).invoke, group, arguments)
                assert "priority" in shown.output.lower() and "high" in shown.output


def _called(name: str, arguments: str, wrong: str) -> None:
    """Lint takes a call with these arguments and refuses one with others, and the pages tell of the function."""
    task = f"{HEAD}do:\n- sample:\n    call: {name}\n    with: "
    assert check(task + arguments) == []
    assert check(task + wrong)
    assert name in catalogue.FUNCTIONS
    assert f"| `{name}` |" in render.profile_page()


def _page(name: str) -> str:
    return render.PAGES[name]()


def _tested(*arguments: str) -> None:
    """Tests of the copy pass, and there are some."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["-q", "-p", "no:cacheprovider", *arguments])
    assert code == 0, f"pytest {' '.join(arguments)}\n{said.getvalue()}"


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + _varint(number >> 7)


def _field(number: int, value: bytes | int | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    body = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _onnx() -> bytes:
    """A model as a training would write it (onnx.proto3, by hand): the sigmoid of `reminders + invoices - 2`."""

    def value(name: str, width: int) -> bytes:
        sizes = _field(1, _field(2, "n")) + _field(1, _field(1, width))
        return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, sizes)))

    def tensor(name: str, sizes: tuple[int, ...], numbers: tuple[float, ...]) -> bytes:
        raw = struct.pack(f"<{len(numbers)}f", *numbers)
        return b"".join(_field(1, size) for size in sizes) + _field(2, 1) + _field(8, name) + _field(9, raw)

    def node(kind: str, inputs: tuple[str, ...], output: str) -> bytes:
        return b"".join(_field(1, each) for each in inputs) + _field(2, output) + _field(4, kind)

    graph = _field(1, node("Gemm", ("row", "weights", "bias"), "sum")) + _field(1, node("Sigmoid", ("sum",), "score"))
    graph += _field(2, "late-payment")
    graph += _field(5, tensor("weights", (2, 1), (1.0, 1.0))) + _field(5, tensor("bias", (1,), (-2.0,)))
    graph += _field(11, value("row", 2)) + _field(12, value("score", 1))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 18))


MODEL = _onnx()

PROOFS: Mapping[str, Callable[[], Any]] = {
    "A connector operation": operation,
    "A connector": connector,
    "A processor": processor,
    "A construct of the language": construct,
    "A function of a processor": function,
    "A decision": decision,
    "A metric with an alert": metric,
    "A setting": setting,
    "A CLI verb": verb,
    "A read-model column": column,
    "A field of a human task": field,
}
"""By the name of the recipe."""


def main(name: str) -> None:
    """Renders, as every recipe ends, and proves."""
    assert render.main([]) == 0
    assert render.main(["--check"]) == 0
    PROOFS[name]()


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(sys.argv[1])

"""The README is true: each of its commands, run in order against the system that it starts, does what it says."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.acceptance.newcomer import README, Newcomer, blocks
from tests.support import brokers

UUID = "[0-9a-f]{32}"


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    person = Newcomer(tmp_path)
    try:
        yield person
    finally:
        person.leaves()


def test_every_command_of_the_page_works(newcomer: Newcomer, tmp_path: Path) -> None:
    provider = brokers.chosen(tmp_path / "cluster")
    with provider.kafka() as kafka, provider.registry() as registry:
        addresses = {"kafka-1:9092": kafka, "http://registry-1:8080/apis/ccompat/v7": registry}
        for block in blocks(README.read_text()):
            if block.file:
                (newcomer.folder / block.file).write_text(block.text)
            for command in block.commands() if block.language == "sh" else ():
                _follow(newcomer, command, addresses)


def _follow(newcomer: Newcomer, command: str, addresses: Mapping[str, str]) -> None:
    """Types one command as a person would and checks what came of it."""
    if command.startswith("export "):
        _export(newcomer, command, addresses)
    elif command in ACTIONS:
        ACTIONS[command](newcomer)
    else:
        wanted = next((wanted for start, wanted in SHOWN.items() if command.startswith(start)), None)
        assert wanted is not None, f"`{command}` stands in the README, and this test does not know what it should show"
        newcomer.sees(_filled_in(newcomer, command), wanted)


def _filled_in(newcomer: Newcomer, command: str) -> str:
    """TASK and INSTANCE stand for what a person would copy from the screen."""
    if not {"TASK", "INSTANCE"} & set(command.split()):
        return command
    newcomer.sees("exlify tasks list --status open", "/reviewApplication/")  # the next of the demo may be on its way
    page = json.loads(newcomer.types("exlify tasks list --status open --json"))
    task = page["tasks"][0]["task_id"]
    return command.replace("TASK", task).replace("INSTANCE", task.partition("/")[0])


def _export(newcomer: Newcomer, command: str, addresses: Mapping[str, str]) -> None:
    """Settings of an outside cluster: another machine, which has a data folder of its own."""
    name, _, value = shlex.split(command)[1].partition("=")
    newcomer.env |= {name: addresses[value], "EXLIFY_DATA_DIR": str(newcomer.folder / "elsewhere")}


def _run(newcomer: Newcomer) -> None:
    newcomer.starts("run", newcomer.recipe("run"), r"ready in [\d.]+ s[\s\S]*demo .*waits for the team risk-review")


def _worker(newcomer: Newcomer) -> None:
    """In a terminal of its own, where Ctrl-C ends it once it has done its work."""
    newcomer.starts("worker", WORKER, r"ready .*shipping\.quote")


def _outcomes_of_parcels(newcomer: Newcomer) -> None:
    newcomer.sees("exlify outcomes parcel", r'completed .*"price": ?7')
    newcomer.interrupts("worker")


def _down(newcomer: Newcomer) -> None:
    assert "Stopped" in newcomer.types(newcomer.recipe("down"))
    newcomer.finds_ended("run")


def _up(newcomer: Newcomer) -> None:
    newcomer.starts("up", "exlify up", r"ready in [\d.]+ s")
    newcomer.types("exlify down")
    newcomer.finds_ended("up")


def _complete(newcomer: Newcomer) -> None:
    command = _filled_in(newcomer, "exlify tasks complete TASK --outcome approve")
    assert "completed: approve" in newcomer.types(command)


def _cancel(newcomer: Newcomer) -> None:
    command = _filled_in(newcomer, CANCEL)
    newcomer.types(command)
    newcomer.sees(f"exlify show {shlex.split(command)[2]}", "cancelled")


def _graph(newcomer: Newcomer) -> None:
    page = json.loads(newcomer.types("exlify list --workflow customer-onboarding --json"))
    newcomer.types(GRAPH.replace("INSTANCE", page["instances"][0]["instance_id"]))
    drawn = (newcomer.folder / "path.svg").read_text()
    assert drawn.startswith("<svg") and "reviewApplication" in drawn


def _activate(newcomer: Newcomer) -> None:
    assert "VENV := .venv\n" in (newcomer.folder / "Makefile").read_text()


def _dry(target: str, ends_in: str) -> Callable[[Newcomer], None]:
    """A target that this test cannot run, because it is one of the suites itself."""

    def check(newcomer: Newcomer) -> None:
        assert ends_in in newcomer.recipe(target)

    return check


CANCEL = 'exlify cancel INSTANCE --reason "withdrawn"'
GRAPH = "exlify graph INSTANCE > path.svg"
WORKER = "exlify worker --steps my_steps.py --reload"
ACTIONS: Mapping[str, Callable[[Newcomer], None]] = {
    "make run": _run,
    "make down": _down,
    "make test": _dry("test", "pytest"),
    "make check": _dry("check", "tests/guard"),
    "make crash": _dry("crash", "tests/crash"),
    "make chaos": _dry("chaos", "tests/chaos"),
    "make bench": _dry("bench", "tests.bench"),
    "source .venv/bin/activate": _activate,
    "exlify tasks complete TASK --outcome approve": _complete,
    CANCEL: _cancel,
    GRAPH: _graph,
    "exlify up": _up,
    WORKER: _worker,
    "exlify outcomes parcel": _outcomes_of_parcels,
}
"""Commands that do something: once, and with a check of their own."""

SHOWN: Mapping[str, str] = {
    "exlify list": rf"{UUID}  customer-onboarding ",
    "exlify tasks show ": r"risk-review[\s\S]*reasons",
    "exlify tasks": r"/reviewApplication/0/0 +risk-review ",
    "exlify show ": r"credit-risk[\s\S]*task.started +/do/2/reviewApplication",
    "exlify bottlenecks customer-onboarding": r"reviewApplication +people +[\d.]+%",
    "exlify report ": r"customer-onboarding +\S+ +\d+",
    "exlify outcomes customer-onboarding": r"completed +A-\d+-\d+ .*approved",
    "exlify outcomes greeting": r"completed .*Good to see you again, Ada",
    "exlify replay ": r"status +completed[\s\S]*BEFORE +AFTER +EVENTS",
    "exlify status": r"ok +processor orchestrate: ",
    "exlify errors": r"UNREACHED +The system",
    "exlify functions": r"sql.query +read +call ",
    "exlify topics --create": r"engine.inbox.instance.v1 +4",
    "exlify topics": r"engine.inbox.instance.v1 +4 +[1-9]",
    "exlify lint ": "no faults",
    "exlify deploy greeting.yaml": "deployed greeting 1.0.0",
    "exlify deploy parcel.yaml": "deployed parcel 1.0.0",
    "exlify run parcel.yaml": r'"completed"[\s\S]*"price": 7',
    "exlify publish com.example.parcel-handed-in.v1 ": "1 event published",
    "exlify run greeting.yaml": r'"completed"[\s\S]*"Welcome, Ada"',
    "exlify run streams/workflows/customer-onboarding.yaml": r'"completed"[\s\S]*"decision": "(approved|on-hold)"',
    "exlify run streams/workflows/supply-chain-exception.yaml": r'"completed"[\s\S]*"decision": "postpone"',
    "exlify run streams/workflows/card-payment.yaml": r'"completed"[\s\S]*"paid": false[\s\S]*"locked": true',
    "exlify run streams/workflows/support-routing.yaml": r'"completed"[\s\S]*"urgency": "critical"',
    "exlify publish exlify.onboarding.application-submitted.v1 ": "3 events published",
    "exlify publish com.example.guest-arrived.v1 ": "1 event published",
    "python -m infra.sandbox.applications ": "",
}
"""What the other commands show at once or in a moment, by how they begin; the first that fits counts."""

"""Which specialist a ticket of the bundled support routing goes to: by skill, by load and haste, and by what each has
resolved before, with the people that are bundled beside it, in virtual time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

import streams.workflows
from models.serving.registry import Registry
from streams.processors.decide.decision import carry_out
from streams.processors.human import HUMAN
from streams.steps import run_step
from tests.reference.inbox import Inbox
from tests.reference.interpreter import Answer
from tests.support.data import payload
from tests.support.definitions import BUNDLED, load
from tests.support.office import Office

FOLDER = Path(next(iter(streams.workflows.__path__)))
TEXT = (FOLDER / "support-routing.yaml").read_text(encoding="utf-8")
PEOPLE = (FOLDER / "support-desk" / "people.yaml").read_text(encoding="utf-8")
MINUTE_MS = 60_000
ARRIVAL, STOLEN, TWICE, CAR = (
    ("bank", "My new card has not arrived yet, how long does it take?"),
    ("bank", "My card was stolen yesterday, please block it"),
    ("bank", "Why was I charged twice for the same transaction?"),
    ("assistant", "how do i jump start a car battery"),
)
REGISTRY = Registry()


@cache
def resolving(desk: str, text: str) -> dict[str, Any]:
    """The arguments of the task that asks for an answer to this ticket: by its models, tables and steps."""
    asked: list[dict[str, Any]] = []

    def answer(pointer: str, function: str, arguments: Any) -> Answer:
        if function == "human":
            assert pointer.endswith("/resolve"), f"{text}: nobody is sure of it"
            asked.append(arguments)
            return Answer({"outcome": "resolved", "data": {"answer": "Done."}, "completedBy": "kim"})
        if function in ("decide", "rules"):
            return Answer(carry_out(_command(function, arguments), REGISTRY, 1).result["output"].value())
        (step,) = (each for each in BUNDLED if each.name == function)
        return Answer(run_step(step, arguments))

    Inbox(load(TEXT), answer, Random(0)).run({"ticket_id": "T-1", "desk": desk, "text": text})
    return HUMAN.read(asked[0])


def _command(function: str, arguments: Any) -> dict[str, Any]:
    return {
        "instance_id": "0" * 32, "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": function,
        "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d", "pin": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ticket", "kind", "weight", "able"),
    [
        (ARRIVAL, "cards/card_arrival", 1, {"ada", "bo"}),
        (STOLEN, "security/lost_or_stolen_card", 4, {"ada", "lee"}),
        (TWICE, "payments/transaction_charged_twice", 2, {"bo", "kim"}),
        (CAR, "general/jump_start", 1, {"lee"}),
    ],
)
def test_ticket_goes_to_somebody_who_knows_what_it_is_about(
    tmp_path: Path, ticket: tuple[str, str], kind: str, weight: int, able: set[str]
) -> None:
    arguments = resolving(*ticket)
    skills = [kind.partition("/")[0]]
    assert arguments["assign"] == {"kind": kind, "skills": skills, "weight": weight}
    office = Office(tmp_path, PEOPLE)
    assert {*office.given(*(office.open(number, **arguments) for number in range(2)))} <= able


def test_ticket_goes_to_who_has_resolved_such_ones_fastest(tmp_path: Path) -> None:
    """Both know cards; bo has been slow with this intent, and as fast as ada with another."""
    office, tickets = Office(tmp_path, PEOPLE), iter(range(10_000))
    for number in range(24):
        person, minutes = ("ada", 4) if number % 2 else ("bo", 40)
        task = office.open(next(tickets), **resolving(*ARRIVAL))
        office.answer(task, person, minutes * MINUTE_MS, "resolved")
    later = [office.open(next(tickets), **resolving(*ARRIVAL)) for _ in range(3)]
    assert office.given(*later) == ["ada"] * 3
    for task in later:
        office.answer(task, "ada", MINUTE_MS, "resolved")
    (before,) = office.given(office.open(next(tickets), **resolving(*TWICE)))
    assert before in {"bo", "kim"}, "who is slow at one thing is asked for another still"


def test_what_has_haste_goes_past_what_has_not(tmp_path: Path) -> None:
    """ada has all that she can have, but one: a stolen card comes first there, and the usual one to the other."""
    people = "ada: {teams: [support-desk], skills: [cards, security], capacity: 2}\n"
    office = Office(tmp_path, people)
    usual = [office.open(number, **resolving(*ARRIVAL)) for number in range(3)]
    stolen = office.open(10, **resolving(*STOLEN))
    assert office.given(*usual, stolen) == ["ada", "ada", None, None]
    office.answer(usual[0], "ada", MINUTE_MS, "resolved")
    assert office.given(usual[2], stolen) == [None, "ada"]

"""The judge sees each fault that it is there for, and none where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos import judging
from tests.chaos.evidence import Letters, Try

CASES = {"i": "A-1"}
ENDED: dict[str, set[bytes]] = {"i": {b"completed"}}
GOOD = [
    {"system": "register", "case": "A-1", "body": "x", "result": "done"},
    {"system": "register", "case": "A-1", "body": "x", "result": "replayed"},
    {"system": "charges", "case": "A-1", "body": "y", "result": "done"},
    {"system": "seats", "case": "A-1", "body": "s", "result": "done"},
    {"system": "letters", "case": "A-1", "body": "z", "result": "done"},
]
RESERVE, WRITE = judging.ONCE.values()


def stopped(effect: str, pointer: str = WRITE) -> dict[str, list[dict[str, Any]]]:
    return {"i": [{"pointer": pointer, "error": {"effect": effect}}]}


def test_what_is_well_is_not_complained_of() -> None:
    assert [*judging.of_events(CASES, ENDED, {}), *judging.of_effects(CASES, ENDED, {}, GOOD)] == []
    assert [*judging.of_events(CASES, {}, stopped("unknown"))] == []
    assert [*judging.of_effects(CASES, {}, stopped("unknown"), GOOD[:4])] == []
    assert [*judging.of_effects(CASES, {}, stopped("unknown", RESERVE), GOOD[:3])] == []
    assert [*judging.of_requests(["PUT /cases/A-1"] * 5, kills=1)] == []


@pytest.mark.parametrize(
    ("outcomes", "waiting"),
    [({}, {}), ({"i": {b"one", b"two"}}, {}), (ENDED, stopped("none")), ({**ENDED, "j": {b"whose?"}}, {})],
)
def test_events_without_one_end_are_seen(
    outcomes: dict[str, set[bytes]], waiting: dict[str, list[dict[str, Any]]]
) -> None:
    assert [*judging.of_events(CASES, outcomes, waiting)]


@pytest.mark.parametrize(
    "ledger",
    [
        GOOD[:4],
        [*GOOD[:3], GOOD[4]],
        [*GOOD, {**GOOD[0], "body": "other"}],
        [*GOOD, {**GOOD[2], "system": "till"}],
        [*GOOD, GOOD[3]],
        [*GOOD, GOOD[4]],
    ],
)
def test_effects_that_are_missing_or_too_many_are_seen(ledger: list[dict[str, Any]]) -> None:
    assert [*judging.of_effects(CASES, ENDED, {}, ledger)]


@pytest.mark.parametrize(
    ("effect", "pointer", "done"),
    [
        ("none", WRITE, 5),
        ("done", WRITE, 4),
        ("unknown", WRITE, 3),
        ("none", RESERVE, 4),
        ("done", RESERVE, 3),
        ("unknown", RESERVE, 5),
        ("none", "/do/3/charge", 4),
    ],
)
def test_incidents_that_say_what_is_not_so_are_seen(effect: str, pointer: str, done: int) -> None:
    assert [*judging.of_effects(CASES, {}, stopped(effect, pointer), GOOD[:done])]


def test_requests_beyond_the_policy_are_seen() -> None:
    assert [*judging.of_requests(["POST /charges/A-1"] * 3, kills=0)]


def test_letters_that_nobody_cares_for_are_seen() -> None:
    first, again = Try("s", 0), Try("s", 1)

    def found(announced: set[Try], commands: set[Try], answers: dict[str, set[str]]) -> list[str]:
        return [*judging.of_letters(Letters(commands, {first}, announced, answers))]

    assert found({again}, {first, again}, {"s": {"completed"}}) == []
    assert found(set(), {first}, {"s": {"faulted"}}) == []
    assert found(set(), {first}, {})
    assert found({again}, {first}, {"s": {"completed"}})
    assert found({again}, {first, again}, {})
    assert found(set(), set(), {"s": {"faulted"}})

"""What a reviewer's task has in each bundled workflow where a model may send a case to people: the case, the reasons
with value and what is usual, and what lies outside of the training data."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

import streams.workflows
from models.serving.registry import Registry
from streams.processors.decide.decision import carry_out
from tests.reference.inbox import Inbox
from tests.reference.interpreter import Answer
from tests.support.data import payload
from tests.support.definitions import load

FOLDER = Path(next(iter(streams.workflows.__path__)))
REGISTRY = Registry()


def usual(model: str, **values: Any) -> dict[str, Any]:
    """The case that reasons are compared with, but for these values."""
    return {**REGISTRY.get(model).card.reference.values, **values}


RISKY = usual("credit-risk", checking_account="A11", duration_months=48, amount_dm=9_000)
LATE = usual("credit-approval", months_late_1=2, months_late_2=2, months_late_3=2)
PAYMENT = {"payment_id": "P-1", "card": "4711", "terminal": "T-9", "amount": 4_000.0, "at": "2026-01-31T03:00:00Z"}
CASES = {
    "customer-onboarding": (
        {"application_id": "A-1", "applicant": {"given_name": "Ada"}, **RISKY},
        ("application", RISKY),
        "state of the checking account: overdrawn (typical approved application: none), raises the score",
    ),
    "credit-approval": ({"request_id": "R-1", "client": LATE}, ("client", LATE), ", raises the score"),
    "card-payment": (PAYMENT, ("payment", PAYMENT), None),
    "marketing-response": (
        {"call_id": "C-1", "case": usual("marketing-response")},
        ("case", usual("marketing-response")),
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_reviewer_is_told_the_case_the_reasons_and_what_lies_outside(name: str) -> None:
    data, (member, case), reason = CASES[name]
    asked: list[dict[str, Any]] = []

    def answer(pointer: str, function: str, arguments: Any) -> Answer:
        if function == "decide":
            return Answer(review(arguments))
        if function == "track":
            return Answer({"inTime": True, "hour": 3, "weekday": 6, "before": usual("card-fraud")})
        if function == "human":
            asked.append(arguments["input"])
            return Answer({"outcome": arguments["outcomes"][-1], "data": {}})
        return Answer({"status": "verified", "rows": [], "count": 0, "counted": True})

    Inbox(load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")), answer, Random(0)).run(data)
    told = asked[0]
    assert case.items() <= told[member].items()
    assert "Ada" not in str(told)
    assert {"reasons", "outside", "held"} <= told.keys()
    if reason is not None:
        assert told["reasons"][0]["text"].endswith(reason)


def review(arguments: Any) -> Any:
    """What `decide` says; of a case that its model would let go alone, as if it did not."""
    command = {
        "instance_id": "0" * 32, "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": "decide",
        "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d", "pin": None,
    }  # fmt: skip
    result = carry_out(command, REGISTRY, 1).result
    return {**result["output"].value(), "route": "review"}

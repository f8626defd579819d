"""Credit approval end to end in this process: the committed model, the rules of the definition, a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import streams.workflows
from models.serving.registry import Registry
from streams.ground.settings import Settings
from streams.local import run_locally
from streams.processors import ALL
from streams.processors.human.local import Answer, Answers
from tests.support.definitions import load

TEXT = (Path(next(iter(streams.workflows.__path__))) / "credit-approval.yaml").read_text(encoding="utf-8")
CLIENT = dict(Registry().get("credit-approval").card.reference.values)
LATE = {**CLIENT, "months_late_1": 2, "months_late_2": 2, "months_late_3": 2}


async def decided(client: dict[str, Any], answer: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """The outcome, and the tasks that were come to."""
    answers: Answers = {"review": [Answer(answer)]} if answer else {}
    report = await run_locally(load(TEXT), {"request_id": "R-1", "client": client}, answers, Settings(), ALL)
    assert report.status == "completed", report
    output: Any = report.output
    return output, [task.rpartition("/")[2] for task in report.tasks]


async def test_low_risk_is_approved_by_the_model() -> None:
    output, tasks = await decided(CLIENT)
    assert (output["decision"], output["rule"]) == ("approved", None)
    assert "review" not in tasks


@pytest.mark.parametrize(("answer", "decision"), [("approve", "approved"), ("refuse", "refused")])
async def test_high_risk_is_for_a_person(answer: str, decision: str) -> None:
    output, tasks = await decided(LATE, answer)
    assert (output["decision"], "review" in tasks) == (decision, True)


async def test_policy_comes_before_the_model() -> None:
    output, tasks = await decided({**CLIENT, "months_late_1": 3})
    assert (output["decision"], output["rule"]["name"], "review" in tasks) == ("refused", "long-in-arrears", False)
    output, tasks = await decided({**CLIENT, "credit_limit": 600_000}, "approve")
    assert (output["rule"]["name"], "review" in tasks) == ("large-limit", True)


async def test_client_of_whom_something_is_missing_is_for_a_person() -> None:
    lacking = {name: value for name, value in CLIENT.items() if name != "paid_2"}
    output, tasks = await decided(lacking, "refuse")
    assert (output["decision"], "review" in tasks) == ("refused", True)

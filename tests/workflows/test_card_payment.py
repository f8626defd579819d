"""Card payment end to end in this process, in virtual time: weeks at a card and a terminal, and the committed model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import streams.workflows
from streams.ground.settings import Settings
from streams.local import run_locally
from streams.processors import ALL
from streams.processors.human.local import Answer, Answers
from tests.support.definitions import load

FOLDER = Path(next(iter(streams.workflows.__path__)))
TEXT = (FOLDER / "card-payment.yaml").read_text(encoding="utf-8")
DISPUTE = (FOLDER / "card-dispute.yaml").read_text(encoding="utf-8")
PAYMENT = {"payment_id": "P-1", "card": "4711", "terminal": "T-9", "amount": 42.5}
AT = "        at: ${ .at }\n"
WEEKS = """do:
  - weeks:
      for: { each: n, in: '${ [range(30) | tostring] }' }
      do:
        - pays:
            call: track
            with:
              of: card-payments
              id: ${ "own-" + $n }
              amount: 40
              keys: { card: '4711', terminal: T-9, pair: 4711 at T-9 }
        - another:
            call: track
            with:
              of: card-payments
              id: ${ "other-" + $n }
              amount: 55
              keys: { card: '${ "o" + $n }', terminal: T-9 }
        - known:
            if: BAD
            call: mark
            with: { of: card-payments, id: '${ "other-" + $n }', keys: { card: '${ "o" + $n }', terminal: T-9 } }
        - day: { wait: { days: 1 } }
  - today: { set: '${ $workflow.input[0].data }' }
"""


async def ended(text: str, payment: dict[str, Any], answer: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """The outcome, and the names of the tasks that were started."""
    answers: Answers = {"review": [Answer(answer)]} if answer else {}
    report = await run_locally(load(text), payment, answers, Settings(), ALL, virtual_time=True)
    assert report.status == "completed", report
    output: Any = report.output
    return output, [task.rpartition("/")[2] for task in report.tasks]


def after_weeks(*, bad: bool) -> str:
    """The workflow, thirty days of payments at card and terminal before; those of others known to be bad, or not."""
    weeks = WEEKS.replace("BAD", "${ ($n | tonumber) % 2 == 0 }" if bad else "${ false }")
    return TEXT.replace(AT, "").replace("do:\n", weeks, 1)


def ago(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


async def test_usual_payment_is_paid() -> None:
    output, tasks = await ended(after_weeks(bad=False), {**PAYMENT, "at": ago()})
    assert (output["paid"], output["locked"]) == (True, False) and output["decisionId"]
    assert "lockAccount" not in tasks


@pytest.mark.parametrize(("answer", "paid"), [("fraud", False), ("pay", True)])
async def test_terminal_with_known_frauds_locks_the_account_until_a_person_has_looked(answer: str, paid: bool) -> None:
    output, tasks = await ended(after_weeks(bad=True), {**PAYMENT, "at": ago()}, answer)
    assert (output["paid"], output["locked"]) == (paid, not paid)
    assert tasks.index("lockAccount") < tasks.index("review")
    assert ("unlockAccount" in tasks, "markFraud" in tasks) == (paid, not paid)


async def test_large_amount_where_the_card_has_never_been_is_looked_at() -> None:
    payment = {**PAYMENT, "amount": 200, "terminal": "T-elsewhere", "at": ago()}
    _, tasks = await ended(after_weeks(bad=False), payment, "pay")
    assert "review" in tasks


async def test_payment_that_comes_days_late_is_for_a_person() -> None:
    output, tasks = await ended(TEXT, {**PAYMENT, "at": ago(days=5)}, "pay")
    assert output["paid"] and "review" in tasks


async def test_dispute_marks_the_payment_and_locks_the_account() -> None:
    output, _ = await ended(DISPUTE, {**PAYMENT, "at": ago(days=9)})
    assert output == {"payment_id": "P-1", "counted": True, "locked": True}

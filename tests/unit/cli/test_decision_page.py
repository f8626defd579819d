"""A decision as a page: whole, escaped, and the same figures as on record."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from models.serving.registry import Registry
from schemas.codec import Codec
from schemas.messages import DECISION
from streams.console.decision_page import decision_page
from streams.processors.decide.decision import carry_out
from streams.readmodel import presentation
from tests.support.data import payload

CODEC = Codec.offline()
REGISTRY = Registry()
CARD = REGISTRY.get("credit-risk").card


def record(arguments: dict[str, Any]) -> dict[str, Any]:
    command = {
        "instance_id": "0" * 32, "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": "decide",
        "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d", "pin": None,
    }  # fmt: skip
    decision = carry_out(command, REGISTRY, 1).decision
    assert decision is not None
    read = presentation.message(CODEC.decode(CODEC.encode(DECISION, decision))[1])
    shown: dict[str, Any] = orjson.loads(presentation.dumps(read))
    return shown


def test_reasons_are_bars_with_value_and_what_they_are_compared_with() -> None:
    values = {**CARD.reference.values, "checking_account": "A11", "duration_months": 48}
    found = record({"model": "credit-risk", "input": values})
    page = decision_page(found, msgspec.to_builtins(CARD))
    assert page.count("<svg") == len(found["reasons"]) == 2
    assert "<td>state of the checking account</td><td>A11 (overdrawn)</td><td>A14 (none)</td>" in page
    assert f"{found['reasons'][0]['contribution']:+.4f}" in page and "credit-risk/2" in page
    assert "http" not in page and "<script" not in page


def test_what_was_sent_is_shown_and_never_run() -> None:
    found = record({"model": "credit-risk", "input": {**CARD.reference.values, "savings": "<script>alert(1)</script>"}})
    page = decision_page(found, None)
    assert "<script" not in page and "&lt;script&gt;" in page and "held back" in page


def test_rule_is_named() -> None:
    rules = {"rows": [{"when": {"amount_dm": "> 1"}, "route": "reject"}]}
    found = record({"model": "credit-risk", "input": CARD.reference.values, "rules": rules})
    page = decision_page(found, None)
    assert "<tr><th>row of the rules</th><td>1</td></tr>" in page and "<svg" not in page

"""An auditor computes ten thousand decisions of both bundled models again, odd ones too, and finds what is recorded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from infra.sandbox.applications import applications
from models.serving.card import Card
from models.serving.features import Code, Number
from models.serving.registry import Registry
from schemas.codec import Codec
from schemas.messages import DECISION
from streams.processors.decide.decision import carry_out
from streams.processors.decide.recompute import recomputed
from streams.readmodel import presentation
from tests.support.data import payload

pytestmark = pytest.mark.fuzz

COUNT = 10_000
CODEC = Codec.offline()
RULES = {"rows": [{"when": {"amount_dm": "> 9000", "purpose": {"not": ["A40"]}}, "route": "reject"}]}


def odd(card: Card, drawn: random.Random) -> dict[str, Any]:
    """A case near the reference profile, with some fields beyond what the model knows."""
    values = dict(card.reference.values)
    for declared in drawn.sample(card.inputs, drawn.randint(0, 5)):
        if isinstance(declared, Code):
            values[declared.field] = drawn.choice([*declared.codes, *declared.codes, "A999", None])
        elif isinstance(declared, Number):
            low, high = int(declared.minimum), int(declared.maximum)
            values[declared.field] = drawn.choice([drawn.randint(low, high)] * 9 + [high * 2, -1, 1.5, "7", None])
    return values


def cases(registry: Registry) -> Iterator[dict[str, Any]]:
    """Arguments of decide: a third each of applications, of odd ones, and of odd clients."""
    drawn = random.Random(11)
    sent = applications(seed=11, count=COUNT // 3)
    yield from ({"model": "credit-risk", "input": each["data"]} for each in sent)
    for number in range(COUNT - COUNT // 3):
        if number % 2:
            yield {"model": "credit-approval", "input": odd(registry.get("credit-approval").card, drawn)}
        else:
            risk = registry.get("credit-risk").card
            yield {"model": "credit-risk", "input": odd(risk, drawn), "rules": RULES, "instead": ["credit-approval"]}


def test_auditor_finds_every_decision_as_it_is_on_record() -> None:
    registry, routes, differ = Registry(), set(), []
    for number, arguments in enumerate(cases(registry)):
        command = {
            "instance_id": f"{number:032x}", "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": "decide",
            "arguments": payload(arguments), "workflow": "w", "version": "1", "digest": "d", "pin": None,
        }  # fmt: skip
        decision = carry_out(command, registry, number).decision
        assert decision is not None
        _, read = CODEC.decode(CODEC.encode(DECISION, decision))
        record = orjson.loads(presentation.dumps(presentation.message(read)))
        routes.add((record["model"], record["route"]))
        differ += [record["decision_id"]] if recomputed(record, registry) else []
    models = ("credit-risk", "credit-approval")
    assert routes >= {("rules", "reject"), *((model, route) for model in models for route in ("approve", "review"))}
    assert differ == []

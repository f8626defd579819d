"""Every decision can be computed again from its record, whatever became of its model since."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from infra.sandbox.applications import applications
from models.serving.features import Code, Number
from models.serving.registry import Registry
from models.serving.shelf import BUNDLED
from schemas.codec import Codec
from schemas.messages import DECISION
from streams.processors.decide.decision import carry_out
from streams.processors.decide.recompute import CannotRecomputeError, recomputed
from streams.readmodel import presentation
from tests.support.data import payload

REGISTRY = Registry()
CODEC = Codec.offline()
MODEL = REGISTRY.get("credit-risk")


def recorded(values: dict[str, Any], registry: Registry = REGISTRY, pin: str | None = None) -> dict[str, Any]:
    """A decision as people read it, after it has been on a topic."""
    command = {
        "instance_id": "0" * 32, "pointer": "/do/0/a", "iteration": 0, "attempt": 0, "function": "decide",
        "arguments": payload({"model": "credit-risk", "input": values}), "workflow": "w", "version": "1",
        "digest": "d", "pin": pin,
    }  # fmt: skip
    decision = carry_out(command, registry, 1).decision
    assert decision is not None
    _, read = CODEC.decode(CODEC.encode(DECISION, decision))
    shown: dict[str, Any] = orjson.loads(presentation.dumps(presentation.message(read)))
    return shown


def odd(seed: int) -> dict[str, Any]:
    """An application with some fields beyond what the model knows."""
    drawn = random.Random(seed)
    values = dict(MODEL.card.reference.values)
    for declared in drawn.sample(MODEL.card.inputs, drawn.randint(0, 3)):
        if isinstance(declared, Code):
            values[declared.field] = drawn.choice([*declared.codes, "A999", None, 3])
        elif isinstance(declared, Number):
            values[declared.field] = drawn.choice([declared.maximum * 2, -1, 1.5, "7", None, declared.minimum])
    return values


def test_every_one_of_ten_thousand_decisions_comes_out_as_it_stands_on_record() -> None:
    cases = [event["data"] for event in applications(seed=3, count=5_000)] + [odd(seed) for seed in range(5_000)]
    records = [recorded(values) for values in cases]
    assert {record["route"] for record in records} == {"approve", "review"}
    auditor = Registry()  # who has loaded nothing of what decided
    assert [recomputed(record, auditor) for record in records] == [[]] * 10_000


@pytest.mark.parametrize("pin", ["credit-risk@2!suspended", f"credit-risk@2#{'0' * 64}", "credit-risk@1"])
def test_band_of_the_time_counts_and_not_that_of_today(pin: str) -> None:
    record = recorded(dict(MODEL.card.reference.values), pin=pin)
    assert record["route"] == "review"
    assert recomputed(record, REGISTRY) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("score", 0.5), ("route", "review"), ("input_hash", "0"), ("model_sha256", "0"), ("covers", "0"), ("reasons", [])],
)
def test_record_that_was_changed_is_told(field: str, value: Any) -> None:
    values = {**MODEL.card.reference.values, "duration_months": 18}
    record = recorded(values) | {field: value}
    assert field in [difference.field for difference in recomputed(record, REGISTRY)]


def test_model_that_is_gone_is_named(tmp_path: Path) -> None:
    shutil.copy(BUNDLED / "active.toml", tmp_path)
    with pytest.raises(CannotRecomputeError, match=r"card\.toml: missing"):
        recomputed(recorded(dict(MODEL.card.reference.values)), Registry(tmp_path))

"""A reason in words: field, value, direction, and what it is compared with."""

from __future__ import annotations

from typing import Any

import pytest

from models.serving.features import Code, Number
from models.serving.registry import Registry
from models.serving.telling import LONGEST, Telling, said

INPUTS = (
    Number(field="instalment", label="instalment, % of income", minimum=0, maximum=100),
    Code(field="account", label="account", codes=("A1", "A2"), texts={"A1": "overdrawn", "A2": "none"}),
)
TELLING = Telling(INPUTS, "typical-approved/1", {"instalment": 2, "account": "A2"})


def test_reason_tells_value_direction_and_what_is_usual() -> None:
    values = {"instalment": 35, "account": "A1"}
    assert (
        TELLING.text("instalment", values, 0.2) == "instalment, % of income: 35 (typical approved: 2), raises the score"
    )
    assert TELLING.text("account", values, -0.1) == "account: overdrawn (typical approved: none), lowers the score"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not given"), (True, "yes"), (12_500, "12,500"), (36.39912280701754, "36.3991"), (0.0, "0"),
        ("A1", "overdrawn"), ("A9", "A9"), ("x" * 1_000, "x" * LONGEST), (10**400, "what cannot be read"),
        ([1], "what cannot be read"), ({"a": 1}, "what cannot be read"), (float("nan"), "nan"), (1e300, "1e+300"),
    ],
)  # fmt: skip
def test_whatever_stands_there_is_said_in_few_words(value: Any, text: str) -> None:
    assert said(value, {"A1": "overdrawn"}) == text
    assert TELLING.text("account", {"account": value}, 1.0)


def test_every_bundled_model_can_tell_each_of_its_reasons() -> None:
    registry = Registry()
    registry.load_all()
    for name in ("credit-risk", "credit-approval", "card-fraud", "marketing-response"):
        model = registry.get(name)
        for each in model.card.inputs:
            text = model.telling.text(each.field, model.card.reference.values, 1.0)
            assert text.startswith(f"{each.label}: ") and text.endswith(", raises the score")

"""Rows that are jointly unlike the training rows: cells never say otherwise than the ellipses."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, log1p
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.serving.features import Number
from models.serving.pair import Pair
from models.serving.registry import Registry
from models.serving.together import Company, pairs_of

MODELS = {name: Registry().get(name) for name in ("credit-risk", "credit-approval")}
ODD = (
    Pair(("a", "b"), (0.0, 0.0), (1.0, 1.0, 1.0), 1.0),  # no ellipse but a strip without an end
    Pair(("a", "c"), (0.0, 0.0), (1.0, 0.0, 1.0), 0.0),
    Pair(("b", "c"), (0.0, 0.0), (float("nan"), 0.0, 1.0), 1.0),
    Pair(("c", "d"), (1.0, 2.0), (1e9, -1e9 + 1, 1e9), 3.0),
)


def _beyond(pairs: Sequence[Pair], values: dict[str, Any]) -> list[str]:
    found = []
    for pair in pairs:
        scaled = [copysign(log1p(abs(values[field])), values[field]) for field in pair.fields]
        first, second = (at - centre for at, centre in zip(scaled, pair.centre, strict=True))
        along, across, beside = pair.inverse
        if along * first * first + 2 * across * first * second + beside * second * second > pair.limit:
            found.append(" ".join(pair.fields))
    return found


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
def test_cells_never_hide_a_pair(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    profile = model.card.reference.values
    numbers = [each for each in model.card.inputs if isinstance(each, Number)]
    few = data.draw(st.lists(st.sampled_from(numbers), max_size=4))
    changed = {each.field: data.draw(st.integers(int(each.minimum), int(each.maximum))) for each in few}
    found = model._company.unlike({**profile, **changed})
    assert [each.field for each in found] == _beyond(model.card.together, {**profile, **changed})


@given(st.lists(st.one_of(st.integers(-10, 10), st.floats(-1e18, 1e18)), min_size=4, max_size=4))
def test_pairs_without_an_ellipse_are_asked_each_time(numbers: list[float]) -> None:
    values = dict(zip("abcd", numbers, strict=True))
    assert [each.field for each in Company(ODD, dict.fromkeys("abcd", "")).unlike(values)] == _beyond(ODD, values)


def test_a_usual_row_asks_no_ellipse(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"a": n, "b": 10 * n + n % 7} for n in range(1, 200)]
    company = Company(pairs_of([Number("a", "", 1, 199), Number("b", "", 1, 2000)], rows), {"a": "", "b": ""})
    monkeypatch.setattr("models.serving.together._far", None)
    assert company.unlike({"a": 50, "b": 505}) == []

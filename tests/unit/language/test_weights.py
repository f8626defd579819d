"""The weight of a value: never more than its text, never far less, and known without writing it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.language.weights import weight_bytes

LIMIT = 1_000_000
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
)


def _doubled(value: Any, times: int) -> Any:
    for _ in range(times):
        value = [value, value]
    return value


@given(VALUES)
def test_weight_is_bound_of_the_text(value: Any) -> None:
    length = len(orjson.dumps(value))
    assert weight_bytes(value, LIMIT) <= length <= 26 * (1 + weight_bytes(value, LIMIT))


@pytest.mark.parametrize(
    "bomb",
    [
        _doubled(1, 60),
        _doubled({}, 400),
        _doubled({"text": "x" * 1_000}, 30),
        ["x" * 100_000] * 1_000,
        {"a": ["x" * 10] * 1_000_000},
        {"x" * 2_000_000: 1},
        [_doubled("a", 15), *[_doubled("b", 18)] * 5],
    ],
)
def test_value_whose_text_explodes_is_heavy(bomb: Any) -> None:
    assert weight_bytes(bomb, LIMIT) > LIMIT


def test_engine_may_ask_before_it_writes() -> None:
    """As `encode` does: refused when heavy, else written and measured exactly."""

    def encoded(value: Any) -> bytes | None:
        if weight_bytes(value, LIMIT) > LIMIT:
            return None
        raw = orjson.dumps(value)
        return raw if len(raw) <= LIMIT else None

    assert encoded({"id": 7, "items": [1.5, None, "ä"]}) == '{"id":7,"items":[1.5,null,"ä"]}'.encode()
    assert encoded({"text": "x" * (LIMIT - 11)}) is not None
    assert encoded({"text": "x" * (LIMIT - 10)}) is None
    assert encoded(_doubled([0.1], 60)) is None
    assert encoded([123456789.125] * 200_000) is None

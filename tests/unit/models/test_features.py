"""Features: what a model reads, and what it says about what it cannot read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.serving.errors import FeatureError
from models.serving.features import Code, Encoder, Number

ORDINARY = "Give an ordinary number, without quotation marks."
ENCODER = Encoder([Code("colour", "the colour", ("red", "green")), Number("size", "the size", 1, 9)])


def test_code_becomes_one_column_each() -> None:
    assert ENCODER.encode({"colour": "green", "size": 4}).tolist() == [[0, 1, 4]]


def test_row_is_what_onnx_expects() -> None:
    row = ENCODER.encode({"colour": "red", "size": 1.5})
    assert row.dtype == np.float32
    assert row.shape == (1, ENCODER.width)


def test_fields_not_declared_change_nothing() -> None:
    seen = {"colour": "red", "size": 2}
    assert ENCODER.encode({**seen, "name": "Ada"}).tolist() == ENCODER.encode(seen).tolist()


def test_declared_part_drops_everything_else() -> None:
    assert ENCODER.declared({"name": "Ada", "size": 2, "colour": "red"}) == {"colour": "red", "size": 2}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 1}, "colour: missing. Give one of red, green."),
        ({"colour": "blue", "size": 1}, "colour: holds a code that the model does not know. Give one of red, green."),
        ({"colour": 3, "size": 1}, "colour: is a number, not a string. Give one of red, green."),
        ({"colour": ["red"], "size": 1}, "colour: is an array, not a string. Give one of red, green."),
        ({"colour": "red"}, "size: missing. Give a number."),
        ({"colour": "red", "size": "4"}, f"size: is a string, not a number. {ORDINARY}"),
        ({"colour": "red", "size": None}, f"size: is null, not a number. {ORDINARY}"),
        ({"colour": "red", "size": True}, f"size: is a boolean, not a number. {ORDINARY}"),
        ({"colour": "red", "size": 10**400}, f"size: is too large a number, or none. {ORDINARY}"),
        ({"colour": "red", "size": float("nan")}, f"size: is too large a number, or none. {ORDINARY}"),
    ],
)  # fmt: skip
def test_refusal_names_field_reason_and_remedy(values: dict[str, Any], message: str) -> None:
    with pytest.raises(FeatureError) as refused:
        ENCODER.encode(values)
    assert str(refused.value) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional={"colour": JSON | st.just("red"), "size": JSON}))
def test_any_json_is_encoded_or_refused(values: dict[str, Any]) -> None:
    try:
        assert np.isfinite(ENCODER.encode(values)).all()
    except FeatureError as refused:
        assert refused.field in ("colour", "size")


WHOLE = Encoder([Number("whole", "", 1, 9, whole=True), Number("size", "", 0.5, 2.5), Number("age", "", 0, 99)])
SOME_NUMBER = st.integers(-3, 12) | st.floats(-3, 12) | st.sampled_from([0.5, 2.5, 9, 99, 10**17])


@given(st.fixed_dictionaries({"whole": SOME_NUMBER, "size": SOME_NUMBER, "age": SOME_NUMBER}))
def test_what_is_written_as_usual_is_beyond_nothing(values: dict[str, Any]) -> None:
    usual = WHOLE.write(values, [0.0] * WHOLE.width)
    assert not usual or WHOLE.beyond(values) == []
    if all(type(each) is int for each in values.values()):
        assert usual == (WHOLE.beyond(values) == [])


def test_refusal_never_repeats_the_value() -> None:
    with pytest.raises(FeatureError) as refused:
        ENCODER.encode({"colour": "Ada Adler", "size": 1})
    assert "Ada" not in str(refused.value)


@pytest.mark.parametrize(("size", "outside"), [(1, []), (9, []), (0.9, ["size"]), (10, ["size"])])
def test_numbers_beyond_training_range_are_named(size: float, outside: list[str]) -> None:
    assert [each.field for each in ENCODER.beyond({"colour": "red", "size": size})] == outside

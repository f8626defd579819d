"""Data at a door is written as JSON, or refused by its depth: whichever way it is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.jsontext import MAX_LEVELS, UnfitDataError, written


def _nested(levels: int, beside: int) -> Any:
    value: Any = [[]] * beside
    for _ in range(levels - 2):
        value = [value]
    return value


@pytest.mark.parametrize("beside", [1, 300])  # few lists, and more of them than there may be levels
def test_as_deep_as_may_be_and_no_deeper(beside: int) -> None:
    whole = _nested(MAX_LEVELS, beside)
    assert json.loads(written(whole)) == whole
    assert json.loads(written([whole], around=1)) == [whole]
    with pytest.raises(UnfitDataError, match="nested deeper"):
        written([whole])


def test_brackets_in_a_text_are_no_levels() -> None:
    assert written("[" * 1000) == json.dumps("[" * 1000).encode()


@pytest.mark.parametrize("value", [2**64, float, {1: 2}, "\ud800"])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(UnfitDataError):
        written(value)

"""Drift: a field that moves is named, one that stays as it was is not."""

from __future__ import annotations

import random
from typing import Any

from models.watching.drift import BLOCK, LARGE, SCORE, Blocks, bin_of, noted, psi


def filled(blocks: Blocks, seed: int, **moved: Any) -> Blocks:
    drawn = random.Random(seed)
    for number in range(BLOCK):
        values = {"amount": drawn.lognormvariate(8, 1), "job": drawn.choice(["a", "b", "c"]), "first": drawn.random()}
        whole = noted(blocks, values | {name: make(drawn) for name, make in moved.items()}, drawn.random() / 2)
        assert whole is (number == BLOCK - 1)
    return blocks


def test_what_stays_as_it_was_has_not_moved_in_any_of_fifty_blocks() -> None:
    blocks = filled(Blocks(), 0)
    for seed in range(1, 51):
        assert filled(blocks, seed).moved == {}


def test_what_has_moved_is_named() -> None:
    blocks = filled(Blocks(), 0)
    filled(blocks, 1, amount=lambda drawn: drawn.lognormvariate(9.5, 1), job=lambda drawn: drawn.choice(["c", "d"]))
    assert {*blocks.moved} == {"amount", "job"} and min(blocks.moved.values()) > LARGE
    assert filled(blocks, 2).moved == {}


def test_a_score_that_moves_is_drift_too() -> None:
    blocks = filled(Blocks(), 0)
    for _ in range(BLOCK):
        noted(blocks, {}, 0.9)
    assert SCORE in blocks.moved


def test_bins_hold_no_value() -> None:
    assert [bin_of(each) for each in (3, 3.5, 0, True, None, -3)] == ["2b", "2b", "0", "True", "None", "-2b"]
    assert "kim" not in bin_of("kim") and bin_of("kim") == bin_of("kim")


def test_equal_shares_have_an_index_of_nearly_nothing() -> None:
    assert psi({"a": 500, "b": 500}, {"a": 250, "b": 250}) < 0.001
    assert psi({"a": 500, "b": 500}, {"a": 900, "b": 100}) > 0.5

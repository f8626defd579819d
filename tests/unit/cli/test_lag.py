"""Lag: nothing that a processor has yet to read is left out, and nothing less than nothing is shown."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streams.cli import group
from streams.console.lag import described, lag_line
from streams.ground.errors import UnavailableError

FIRST = {("t", 0): 0, ("t", 1): 2}
LAST = {("t", 0): 3, ("t", 1): 5}


def test_partition_without_a_position_counts_whole() -> None:
    found = described("t", 2, FIRST, LAST, {"intake": {("t", 0): 3}}, ["intake"])
    assert (found["lag"], found["records"]) == ({"intake": 3}, 6)


def test_processor_that_never_committed_has_all_to_read() -> None:
    found = described("t", 2, FIRST, LAST, {"view": {("other", 0): 1}}, ["intake"])
    assert found["lag"] == {"intake": 6}


def test_position_behind_the_end_is_marked() -> None:
    found = described("t", 2, FIRST, LAST, {"intake": {("t", 0): 4, ("t", 1): 5}}, ["intake"])
    assert (found["lag"], found["shortened"], lag_line(found)) == ({"intake": 0}, ["intake"], "intake 0!")


def test_partition_that_does_not_answer_is_no_zero() -> None:
    found = described("t", 3, FIRST, LAST, {}, ["intake"])
    assert not found["complete"]
    assert lag_line(found) == "intake 6 (incomplete)"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.none() | st.integers(0, 30)), max_size=6))
def test_lag_is_within_the_records_there_are(parts: list[tuple[int, int, int | None]]) -> None:
    first = {("t", n): low for n, (low, _, _) in enumerate(parts)}
    last = {("t", n): low + length for n, (low, length, _) in enumerate(parts)}
    committed = {("t", n): position for n, (_, _, position) in enumerate(parts) if position is not None}
    found = described("t", len(parts), first, last, {"p": committed}, ["p"])
    assert 0 <= found["lag"]["p"] <= found["records"]


def test_missing_kafka_is_told(tmp_path: Path) -> None:
    away = {"EXLIFY_BOOTSTRAP": "127.0.0.1:1", "EXLIFY_DATA_DIR": str(tmp_path)}
    result = CliRunner(env=away).invoke(group, ["topics"])
    assert isinstance(result.exception, UnavailableError) and "incomplete" in str(result.exception)

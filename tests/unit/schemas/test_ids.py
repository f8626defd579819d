"""Ids are derived: equal from equal parts, different from different ones, spread evenly."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids


def test_instance_id_never_changes_between_releases() -> None:
    assert ids.instance_id("onboarding", "/web", "42") == "da8319e5d7245a1b33c2585930c3faab"


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.text(max_size=3)), unique=True, max_size=20))
def test_different_parts_give_different_ids(parts: list[tuple[str, str, str]]) -> None:
    assert len({ids.instance_id(*part) for part in parts}) == len(parts)


def test_step_id_names_instance_pointer_and_try() -> None:
    step = ids.step_id("0f" * 16, "/do/0/call", 2, 1)
    assert step == "0f" * 16 + "/do/0/call/2/1"
    assert ids.instance_of(step) == "0f" * 16


def test_partition_comes_from_leading_hex_digits() -> None:
    assert ids.partition_of("0000000a" + "f" * 24, 6) == 10 % 6


def test_partitions_share_instances_evenly() -> None:
    counts = Counter(ids.partition_of(ids.instance_id("w", "s", str(number)), 8) for number in range(8_000))
    assert sorted(counts) == list(range(8))
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_partition_of_foreign_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 hex digits"):
        ids.partition_of("APP-1", 6)

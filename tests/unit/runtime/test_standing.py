"""A position that stands although there is work is told, and for how long."""

from __future__ import annotations

from streams.runtime.reader import Partition
from streams.runtime.standing import Standing

A, B, OTHER = Partition("t", 0), Partition("t", 1), Partition("u", 0)


def test_the_longest_of_a_topic_is_told() -> None:
    standing = Standing()
    ends = {A: 10, B: 10, OTHER: 5}
    assert standing.seconds({A: 3, B: 3, OTHER: 5}, ends, 100.0) == {"t": 0, "u": 0}
    assert standing.seconds({A: 3, B: 4, OTHER: 5}, ends, 130.0) == {"t": 30, "u": 0}
    assert standing.seconds({A: 4, B: 4, OTHER: 5}, ends, 140.0) == {"t": 10, "u": 0}


def test_what_has_no_work_does_not_stand() -> None:
    standing = Standing()
    standing.seconds({A: 3}, {A: 3}, 0.0)
    assert standing.seconds({A: 3}, {A: 4}, 500.0) == {"t": 0}
    assert standing.seconds({A: 3}, {A: 4}, 510.0) == {"t": 10}
    assert standing.seconds({A: 4}, {A: 4}, 520.0) == {"t": 0}


def test_a_partition_that_comes_back_counts_anew() -> None:
    standing = Standing()
    standing.seconds({A: 3}, {A: 9}, 0.0)
    assert standing.seconds({}, {}, 100.0) == {}
    assert standing.seconds({A: 3}, {A: 9}, 200.0) == {"t": 0}

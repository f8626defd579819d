"""How long a reader rests: hardly for what is rare, a little while much comes, never longer than it may."""

from __future__ import annotations

import pytest

from streams.runtime.pace import LEAST_S, LONGEST_S, S_PER_RECORD, STEADY_S, STREAM_PER_S, STREAM_S, Pace


@pytest.mark.parametrize(("records", "every_s", "rest_s"), [(1, 0.001, LEAST_S), (4, 0.002, STEADY_S)])
def test_rest_follows_from_how_much_comes(records: int, every_s: float, rest_s: float) -> None:
    pace, now = Pace(), 100.0
    for _ in range(200):
        rest = pace.rest_s(records, now := now + every_s)
    assert rest == max(rest_s, records * S_PER_RECORD)


def test_burst_is_followed_by_a_rest_of_its_size_and_calm_ends_it() -> None:
    pace = Pace()
    assert pace.rest_s(100, 100.0) == 100 * S_PER_RECORD
    assert pace.rest_s(4_000, 100.05) == LONGEST_S
    assert pace.rest_s(1, 100.3) == STEADY_S
    assert pace.rest_s(1, 101.0) == LEAST_S


def test_stream_begins_with_what_comes_closer_than_hand_overs_and_ends_with_half_of_it() -> None:
    pace, now = Pace(), 100.0
    found = []
    for per_s in (STREAM_PER_S * 0.9, STREAM_PER_S * 1.2, STREAM_PER_S * 0.6, STREAM_PER_S * 0.4):
        for _ in range(3 * int(STREAM_S * per_s)):
            pace.rest_s(1, now := now + 1 / per_s)
        found.append(pace.streams)
    assert found == [False, True, True, False]

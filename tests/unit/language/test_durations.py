"""Durations in milliseconds."""

from __future__ import annotations

import pytest

from streams.language.durations import DurationError, milliseconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"seconds": 10}, 10_000),
        ({"days": 1, "hours": 2, "minutes": 3, "seconds": 4, "milliseconds": 5}, 93_784_005),
        ({"minutes": 0.5}, 30_000),
        ("PT5M", 300_000),
        ("P1DT2H3M4.5S", 93_784_500),
        ("P2W", 1_209_600_000),
        ("PT0S", 0),
    ],
)
def test_duration_is_counted_in_milliseconds(value: object, expected: int) -> None:
    assert milliseconds(value) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("P", "ISO 8601"),
        ("PT", "ISO 8601"),
        ("P1DT", "ISO 8601"),
        ("5 minutes", "PT5M"),
        ("P1Y", "no fixed length"),
        ("P1M", "no fixed length"),
        ({}, "units"),
        ({"weeks": 1}, "not weeks"),
        ({"seconds": "5"}, "numbers"),
        ({"seconds": True}, "numbers"),
        ({"seconds": -1}, "between 0"),
        ({"days": 40_000}, "100 years"),
        (5, "a duration is"),
        (None, "a duration is"),
    ],
)
def test_wrong_duration_says_what_is_wrong(value: object, reason: str) -> None:
    with pytest.raises(DurationError, match=reason):
        milliseconds(value)

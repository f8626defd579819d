"""Business time: what counts is when people work, also over holidays and where clocks are put back or forward."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ground.calendars import FILE, Calendar, read_calendars
from streams.ground.errors import ConfigurationError
from streams.ground.site import SiteFile

HOUR = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = """
office:
  zone: Europe/Berlin
  hours: ['09:00-12:00', '13:00-17:00']
  holidays: [2026-12-25]
night: {zone: Europe/Berlin, days: [sat, sun], hours: ['00:00-04:00', '22:00-24:00']}
"""


def calendar(folder: Path, name: str = "office", text: str = OFFICE) -> Calendar:
    (folder / FILE).write_text(text)
    return SiteFile(folder / FILE, read_calendars, {}).value[name]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1_000)


def shown(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, BERLIN).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("begins", "hours", "ends"),
    [
        ("2026-11-26 10:00", 1, "2026-11-26 11:00"),
        ("2026-11-26 11:30", 1, "2026-11-26 13:30"),  # lunch
        ("2026-11-26 16:30", 1, "2026-11-27 09:30"),  # the next day
        ("2026-11-27 16:30", 1, "2026-11-30 09:30"),  # the weekend
        ("2026-11-28 12:00", 1, "2026-11-30 10:00"),  # begins on it
        ("2026-12-24 16:00", 2, "2026-12-28 10:00"),  # a holiday, then the weekend
        ("2026-11-26 09:00", 7, "2026-11-26 17:00"),  # a whole day ends with it
        ("2026-11-26 20:00", 0, "2026-11-27 09:00"),  # no time: when work begins
        ("2026-11-26 10:00", 0, "2026-11-26 10:00"),
        ("2026-11-26 09:00", 35, "2026-12-02 17:00"),
    ],
)
def test_working_hours_are_counted(tmp_path: Path, begins: str, hours: int, ends: str) -> None:
    assert shown(calendar(tmp_path).after(ms(begins), hours * HOUR)) == ends


@pytest.mark.parametrize(
    ("begins", "hours", "ends"),
    [
        ("2026-03-29 00:00", 3, "2026-03-29 04:00"),  # forward: from 2 to 3, so the night has three hours until four
        ("2026-03-28 00:00", 3, "2026-03-28 03:00"),
        ("2026-10-25 00:00", 5, "2026-10-25 04:00"),  # back: from 3 to 2, so it has five
        ("2026-10-25 00:00", 4, "2026-10-25 03:00"),
        ("2026-11-28 23:00", 2, "2026-11-29 01:00"),  # over midnight
    ],
)
def test_an_hour_is_an_hour_where_clocks_are_changed(tmp_path: Path, begins: str, hours: int, ends: str) -> None:
    assert shown(calendar(tmp_path, "night").after(ms(begins), hours * HOUR)) == ends


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 500 * HOUR), st.integers(0, 500 * HOUR))
def test_time_adds_up_and_never_runs_backwards(at_ms: int, first: int, more: int) -> None:
    known = Calendar(BERLIN, frozenset({0, 2, 5, 6}), ((0, 180), (600, 1_440)), frozenset())
    there = known.after(at_ms, first)
    assert at_ms <= there <= known.after(at_ms, first + more)
    if first:
        assert known.after(there, more) in (known.after(at_ms, first + more), known.after(there + 1, 0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Office: {hours: ['09:00-17:00']}", "no name of a calendar"),
        ("office: {}", "no hours"),
        ("office: {hours: []}", "no hours"),
        ("office: {hours: ['9-17']}", "no hours of a day"),
        ("office: {hours: ['22:00-06:00']}", "no hours of a day"),
        ("office: {hours: ['09:00-12:00', '12:00-17:00']}", "touch each other"),
        ("office: {zone: Nowhere/At_All, hours: ['09:00-17:00']}", "no time zone"),
        ("office: {zone: ../../etc/passwd, hours: ['09:00-17:00']}", "no time zone"),
        ("office: {days: [monday], hours: ['09:00-17:00']}", "no day of the week"),
        ("office: {days: [], hours: ['09:00-17:00']}", "no day"),
        ("office: {holidays: [25.12.2026], hours: ['09:00-17:00']}", "no date"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        calendar(tmp_path, text=text)

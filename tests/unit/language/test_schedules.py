"""Workflows that start by time: what may be written, and when that is, also where clocks are changed."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from streams.language.schedules import Schedule
from tests.support.definitions import check, load

HEAD = "document: {{dsl: '1.0.3', namespace: n, name: w, version: 1.0.0{more}}}\ndo: [{{a: {{set: {{x: 1}}}}}}]\n"
BERLIN = ZoneInfo("Europe/Berlin")


def written(schedule: str, more: str = "") -> str:
    return HEAD.format(more=more) + f"schedule: {schedule}\n"


def times(schedule: Schedule, after: datetime, count: int, anchor_ms: int = 0) -> list[str]:
    def all_of_them(at_ms: int | None):  # type: ignore[no-untyped-def]
        while at_ms is not None:
            at_ms = schedule.next_ms(at_ms, anchor_ms)
            if at_ms is not None:
                yield datetime.fromtimestamp(at_ms / 1_000, BERLIN).isoformat()

    return list(islice(all_of_them(int(after.timestamp() * 1_000)), count))


def test_schedule_is_read_with_its_zone() -> None:
    more = ", metadata: {schedule: {timeZone: Europe/Berlin, misfire: all}}"
    graph = load(written("{cron: '30 2 * * *', on: {one: {with: {type: a.b}}}}", more))
    assert graph.schedule == Schedule(cron="30 2 * * *", zone="Europe/Berlin", misfire="all")
    assert graph.event_types == ("a.b",)
    more = ", metadata: {schedule: {calendar: office}}"
    assert load(written("{cron: '0 9 * * *'}", more)).schedule == Schedule(cron="0 9 * * *", calendar="office")
    assert load(written("{every: {minutes: 5}}", more)).schedule == Schedule(every_ms=300_000, calendar="office")
    assert load(written("{every: {minutes: 5}}")).schedule == Schedule(every_ms=300_000)
    assert load(written("{after: PT1H}")).schedule == Schedule(after_ms=3_600_000)
    assert load(written("{on: {one: {with: {type: a.b}}}}")).schedule is None


@pytest.mark.parametrize(
    ("schedule", "more", "told"),
    [
        ("{cron: 'every day'}", "", "`cron` cannot be read"),
        ("{cron: '0 0 31 2 *'}", "", "`cron` cannot be read"),
        ("{cron: '*/5 * * * * *'}", "", "`cron` has five fields"),
        ("{every: {milliseconds: 5}}", "", "a second at least"),
        ("{every: soon}", "", "`every`"),
        ("{every: {minutes: 5}, cron: '* * * * *'}", "", "exclude each other"),
        ("{}", "", "says nothing"),
        ("{cron: '* * * * *'}", ", metadata: {schedule: {timeZone: Mars/Base}}", "IANA"),
        ("{cron: '* * * * *'}", ", metadata: {schedule: {timeZone: 5}}", "where a text is needed"),
        ("{cron: '* * * * *'}", ", metadata: {schedule: {misfire: maybe}}", "none of once, all, skip"),
        ("{after: {minutes: 5}}", ", metadata: {schedule: {calendar: office}}", "is for `cron` and `every`"),
        ("{cron: '* * * * *'}", ", metadata: {schedule: {calendar: 5}}", "where a text is needed"),
        ("{on: {one: {with: {type: a.b}}}}", ", metadata: {schedule: {misfire: all}}", "is for `every`"),
    ],
)
def test_schedule_that_means_nothing_is_told(schedule: str, more: str, told: str) -> None:
    faults = check(written(schedule, more))
    assert [told in str(fault) for fault in faults] == [True], [str(fault) for fault in faults]


def test_hour_that_is_not_there_is_made_up_for_at_its_end() -> None:
    daily = Schedule(cron="30 2 * * *", zone="Europe/Berlin")
    assert times(daily, datetime(2026, 3, 28, 12, tzinfo=BERLIN), 2) == [
        "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00",
    ]  # fmt: skip


def test_hour_that_is_there_twice_counts_once() -> None:
    daily = Schedule(cron="30 2 * * *", zone="Europe/Berlin")
    assert times(daily, datetime(2026, 10, 24, 12, tzinfo=BERLIN), 2) == [
        "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00",
    ]  # fmt: skip


def test_what_is_every_half_hour_is_so_also_when_clocks_are_changed() -> None:
    often = Schedule(cron="*/30 * * * *", zone="Europe/Berlin")
    found = times(often, datetime(2026, 10, 25, 1, 40, tzinfo=BERLIN), 4)
    assert [each[11:16] + each[19:] for each in found] == ["02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00"]


def test_every_counts_from_its_anchor() -> None:
    every = Schedule(every_ms=10_000)
    assert [every.next_ms(at, 3_000) for at in (3_000, 12_999, 13_000, 1_000)] == [13_000, 13_000, 23_000, 3_000]

"""Business time: `calendars.yaml` of the site folder says when people work, and lengths of time are counted in that.

    office:
      zone: Europe/Berlin
      days: [mon, tue, wed, thu, fri]          # these, where nothing is said
      hours: ['09:00-12:00', '13:00-17:00']    # by the clock of the zone
      holidays: [2026-12-25, 2026-12-26]

An hour is an hour: where clocks are put back or forward within working hours, the working time of that day is longer
or shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

FILE = "calendars.yaml"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_DAYS = 40_000  # looked at; beyond a century a due time is a mistake and not a plan
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")
_MINUTES = 24 * 60

Hours = tuple[int, int]  # minutes since midnight, by the clock


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people work."""

    zone: ZoneInfo
    days: frozenset[int]  # 0 is Monday
    hours: tuple[Hours, ...]  # in order, none touches another
    holidays: frozenset[date]

    def after(self, at_ms: int, length_ms: int) -> int:
        """The moment (Unix milliseconds) by which so much working time has passed since another.

        With no length, that moment itself, or when work begins next.
        """
        left = length_ms
        for begins, ends in self._open(at_ms):
            if begins + left < ends or (left and begins + left == ends):
                return begins + left
            left -= ends - begins
        return at_ms + length_ms  # nobody works in a century

    def works_at(self, at_ms: int) -> bool:
        """Whether a moment is in working time; its end is not."""
        return any(begins <= at_ms < ends for begins, ends in self._work(self._day(at_ms)))

    def _open(self, at_ms: int) -> Iterator[tuple[int, int]]:
        """When work goes on from a moment on."""
        day = self._day(at_ms)
        for _ in range(MAX_DAYS):
            for begins, ends in self._work(day):
                if ends > max(begins, at_ms):
                    yield max(begins, at_ms), ends
            day += timedelta(days=1)

    def _work(self, day: date) -> Iterator[tuple[int, int]]:
        if day.weekday() in self.days and day not in self.holidays:
            for first, last in self.hours:
                yield self._moment(day, first), self._moment(day, last)

    def _day(self, at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(self.zone).date()

    def _moment(self, day: date, minute: int) -> int:
        day += timedelta(days=minute // _MINUTES)
        wall = datetime.combine(day, time(minute // 60 % 24, minute % 60), self.zone)
        return int(wall.timestamp() * 1_000)


Calendars = Mapping[str, Calendar]


def read_calendars(document: Part | None) -> Calendars:
    """What `calendars.yaml` says; faults with their place."""
    return {name: _calendar(name, part) for name, part in (document.members() if document else {}).items()}


def _calendar(name: str, part: Part) -> Calendar:
    if not _NAME.fullmatch(name):
        part.fault(f"{name[:70]!r} is no name of a calendar", "use small letters, digits and hyphens")
    members = part.only("zone", "days", "hours", "holidays")
    if "hours" not in members:
        part.fault("no hours", "add `hours: ['09:00-17:00']`")
    days = [_day(each) for each in members["days"].items()] if "days" in members else list(range(5))
    if not days:
        members["days"].fault("no day", f"write some of {', '.join(DAYS)}")
    holidays = [_date(each) for each in members["holidays"].items()] if "holidays" in members else []
    zone = _zone(members["zone"]) if "zone" in members else ZoneInfo("UTC")
    return Calendar(zone, frozenset(days), _hours(members["hours"]), frozenset(holidays))


def _zone(part: Part) -> ZoneInfo:
    try:
        return ZoneInfo(part.written())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        part.fault("no time zone that is known here", "write one such as Europe/Berlin, or UTC")


def _day(part: Part) -> int:
    text = part.scalar()
    if text not in DAYS:
        part.fault("no day of the week", f"write one of {', '.join(DAYS)}")
    return DAYS.index(text)


def _date(part: Part) -> date:
    try:
        return date.fromisoformat(part.scalar())
    except ValueError:
        part.fault("no date", "write year, month and day: 2026-12-25")


def _hours(part: Part) -> tuple[Hours, ...]:
    found = sorted(map(_span, part.items()))
    if not found:
        part.fault("no hours", "write `['09:00-17:00']`")
    if any(before[1] >= after[0] for before, after in pairwise(found)):
        part.fault("hours that touch each other", "make one of them")
    return tuple(found)


def _span(part: Part) -> Hours:
    found = _HOURS.fullmatch(part.scalar())
    numbers = [int(each) for each in found.groups() if each] if found else []
    if not numbers or numbers[0] * 60 + numbers[1] >= numbers[2] * 60 + numbers[3]:
        part.fault("no hours of a day", "write '09:00-17:00'; work over midnight is '00:00-06:00' and '22:00-24:00'")
    return numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]

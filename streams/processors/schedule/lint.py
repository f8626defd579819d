"""The calendar of a schedule, held against those of the site."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from schemas.functions import Function
from schemas.times import rfc3339
from streams.ground.calendars import FILE, Calendars
from streams.ground.topic import DAY_MS
from streams.language import DefinitionError, Fault, Severity, read
from streams.language.schedules import Schedule
from streams.language.source import parse

PLACE = ("document", "metadata", "schedule", "calendar")
MOST = 20_000  # times of `cron` that are looked at, two weeks of minutes,
SPAN_MS = 400 * DAY_MS  # and no more than those of a year


def calendar_faults(
    text: str, file: str, functions: Mapping[str, Function], calendars: Calendars, now_ms: int
) -> list[Fault]:
    """Warnings about the calendar of a schedule, in a definition that can be read; none in one that cannot.

    By the calendars of this site: where the definition runs there may be others.
    """
    try:
        schedule = read(text, file, functions).schedule
    except DefinitionError:
        return []
    if schedule is None or not schedule.calendar:
        return []
    source = parse(text, file)
    known = calendars.get(schedule.calendar)
    if known is None:
        close = get_close_matches(schedule.calendar, calendars, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"write it into {FILE} of the site folder"
        message = f"this site has no calendar {schedule.calendar!r}; without it every time counts"
        source.fault(PLACE, "calendar", message, remedy, severity=Severity.WARNING)
        return source.faults
    looked = _times(schedule, now_ms)
    if looked and not any(map(known.works_at, looked)):
        until = rfc3339(looked[-1])
        message = f"nothing starts until {until}: none of the times of `cron` is working time of {schedule.calendar!r}"
        remedy = f"name hours of {FILE} in `cron`, by the clock of `timeZone`"
        source.fault(PLACE, "calendar", message, remedy, severity=Severity.WARNING)
    return source.faults


def _times(schedule: Schedule, now_ms: int) -> list[int]:
    """The next times of `cron`; none of `every`, whose anchor is its deployment."""
    times: list[int] = []
    at_ms = schedule.next_ms(now_ms, now_ms) if schedule.cron else None
    while at_ms is not None and at_ms < now_ms + SPAN_MS and len(times) < MOST:
        times.append(at_ms)
        at_ms = schedule.next_ms(at_ms, now_ms)
    return times

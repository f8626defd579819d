"""`schedule.every`, `cron` and `after` of a workflow, with `document.metadata.schedule`, as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from streams.language.durations import DurationError, milliseconds
from streams.language.forms import DURATION, TEXT, Form, closed
from streams.language.nodes import Node
from streams.language.schedules import MISFIRES, ONCE, UTC_ZONE, Schedule

LEAST_MS = 1_000
CRON_FIELDS = 5
KEYS: dict[str, Form] = {"every": DURATION, "cron": TEXT, "after": DURATION}
METADATA_FORM = closed({"timeZone": TEXT, "misfire": {"enum": list(MISFIRES)}, "calendar": TEXT, "within": DURATION})


def read_schedule(parts: Mapping[str, Node], metadata: Node | None) -> Schedule | None:
    """The schedule of a workflow; None where only events start it, or it is faulty."""
    given = [name for name in KEYS if name in parts]
    zone, misfire, calendar = _settings(metadata)
    if not given:
        if metadata is not None and metadata.value.keys() != {"within"}:
            metadata.fault("schedule", "`schedule` here is for `every`, `cron` and `after`", "remove it")
        return None
    if len(given) > 1:
        parts[given[1]].fault("schedule", f"`{given[0]}` and `{given[1]}` exclude each other", "write one of them")
        return None
    name = given[0]
    if name == "cron":
        text = parts[name].text("cron: '0 9 * * MON-FRI'")
        if not text or not _fits(parts[name], text, zone):
            return None
        return Schedule(cron=text, zone=zone, misfire=misfire, calendar=calendar)
    length = _milliseconds(parts[name])
    if length is None:
        return None
    if name == "after":
        if calendar and metadata is not None:
            metadata.child("calendar").fault("schedule", "`calendar` is for `cron` and `every`", "remove it", key=True)
            return None
        return Schedule(after_ms=length, misfire=misfire)
    if length < LEAST_MS:
        parts[name].fault("value", "`every` is a second at least", "write every: {minutes: 5}")
        return None
    return Schedule(every_ms=length, misfire=misfire, calendar=calendar)


def _settings(node: Node | None) -> tuple[str, str, str]:
    parts = {} if node is None else node.parts(METADATA_FORM, example="schedule: {timeZone: Europe/Berlin}")
    misfire = parts["misfire"].choice(MISFIRES, "misfire: once") if "misfire" in parts else ONCE
    zone = (parts["timeZone"].text("timeZone: Europe/Berlin") if "timeZone" in parts else "") or UTC_ZONE
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # no such zone is among them
        parts["timeZone"].fault("value", "`timeZone` is no zone of the IANA data base", "write Europe/Berlin")
        zone = UTC_ZONE
    calendar = (parts["calendar"].text("calendar: office") if "calendar" in parts else "") or ""
    return zone, misfire or ONCE, calendar


def _fits(node: Node, text: str, zone: str) -> bool:
    remedy = "write minute, hour, day, month and day of the week, such as '0 9 * * MON-FRI'"
    if len(text.split()) > CRON_FIELDS:  # seconds would stand in front
        node.fault("value", "`cron` has five fields", remedy)
        return False
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=ZoneInfo(zone)))
    except CronSimError as error:
        node.fault("value", f"`cron` cannot be read: {error}", remedy)
        return False
    return True


def _milliseconds(node: Node) -> int | None:
    try:
        return milliseconds(node.value)
    except DurationError as error:
        node.fault("duration", f"`{node.name}`: {error}", f"write {node.name}: {{minutes: 5}}")
        return None

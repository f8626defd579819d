"""`metadata.calendar` of a `wait`: its length is working time.

A definition travels alone, and folding an inbox again has to give the same: so the calendar stands in the definition.
Whoever has the site folder writes it in for its name (`bundle`), as it is then.
"""

from __future__ import annotations

import orjson

from streams.ground.calendars import Calendar, read_calendars
from streams.ground.site_yaml import SiteFault, read
from streams.language.nodes import Node

CALENDAR = "calendar"  # the code of its faults: before, metadata of that name were the author's own
EXAMPLE = "{zone: Europe/Berlin, hours: ['09:00-17:00']}"


def read_calendar(metadata: Node | None) -> Calendar | None:
    """The calendar of a task; None where it has none, or a faulty one, which is noted."""
    node = metadata.optional("calendar") if metadata is not None else None
    if node is None:
        return None
    if isinstance(node.value, str):
        remedy = f"use `exlify deploy`, which writes it in from calendars.yaml, or write calendar: {EXAMPLE}"
        node.fault(CALENDAR, f"{node.value[:63]!r} is the name of a calendar that is not written in", remedy)
        return None
    if not isinstance(node.value, dict):
        node.fault(CALENDAR, "no calendar", f"write calendar: {EXAMPLE}")
        return None
    try:
        (found,) = read_calendars(read(orjson.dumps({"calendar": node.value}).decode(), str)).values()
    except SiteFault as fault:
        node.fault(CALENDAR, fault.reason, fault.remedy)
        return None
    return found

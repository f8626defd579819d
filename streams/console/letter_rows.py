"""What the pages of letters ask the read model. Everything here blocks: ask from a thread."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select

from streams.processors.letters.letter import UNDECIDED
from streams.processors.letters.rows import LETTERS
from streams.processors.orchestrate.rows import INCIDENTS
from streams.processors.view.reader import Reader
from streams.readmodel.paging import Found, Page, every, page
from streams.readmodel.projection import storable

CAUSE = ("kind", "processor", "topic", "reason", "workflow")  # what a cause is made of
MOST_CAUSES = 50
HOURS = 24
HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Meant:
    """Which letters a page is about."""

    columns: Mapping[str, str]  # of the cause, letter_id, instance_id: exactly
    status: str = "undecided"  # or one of the letter's, or all
    since_ms: int | None = None


def letters(reader: Reader, meant: Meant, *, limit: int, cursor: str | None = None, newest_first: bool = False) -> Page:
    """Letters, the oldest first unless it is said otherwise."""
    query = select(LETTERS).where(*_conditions(meant))
    order = (LETTERS.c.at_ms, LETTERS.c.letter_id)
    return page(reader.engine, query, order, limit=limit, cursor=cursor, newest_first=newest_first)


def causes(reader: Reader, meant: Meant, limit: int = MOST_CAUSES + 1) -> list[Found]:
    """Letters counted by their cause, the most frequent first, with the first and the last time of each."""
    columns, at = [LETTERS.c[name] for name in CAUSE], LETTERS.c.at_ms
    count, last = func.count().label("count"), func.max(at).label("last_ms")
    query = select(*columns, count, func.min(at).label("first_ms"), last).where(*_conditions(meant))
    return every(reader.engine, query.group_by(*columns).order_by(count.desc(), last.desc()).limit(limit))


def by_hour(reader: Reader, meant: Meant, now_ms: int) -> dict[tuple[Any, ...], list[int]]:
    """How many came in each of the last 24 hours, the oldest first, by cause."""
    columns, since_ms = [LETTERS.c[name] for name in CAUSE], now_ms - HOURS * HOUR_MS
    hour = ((LETTERS.c.at_ms - since_ms) // HOUR_MS).label("hour")
    of_day = replace(meant, since_ms=max(since_ms, meant.since_ms or 0))
    query = select(*columns, hour, func.count().label("count")).where(*_conditions(of_day)).group_by(*columns, hour)
    found: dict[tuple[Any, ...], list[int]] = {}
    for row in every(reader.engine, query):
        hours = found.setdefault(tuple(row[name] for name in CAUSE), [0] * HOURS)
        hours[min(int(row["hour"]), HOURS - 1)] += row["count"]
    return found


def incidents(reader: Reader, ids: Collection[str]) -> dict[str, Found]:
    """Incidents by id."""
    query = select(INCIDENTS).where(INCIDENTS.c.incident_id.in_([storable(each) for each in ids]))
    return {row["incident_id"]: row for row in every(reader.engine, query)}


def _conditions(meant: Meant) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [LETTERS.c[name] == storable(value) for name, value in meant.columns.items()]
    if meant.status == "undecided":  # in the words of the index, which knows no parameters
        found.append(LETTERS.c.status.in_([literal_column(f"'{each}'") for each in UNDECIDED]))
    elif meant.status != "all":
        found.append(LETTERS.c.status == storable(meant.status))
    if meant.since_ms is not None:
        found.append(LETTERS.c.at_ms >= meant.since_ms)
    return found

"""What pages ask the read model beyond what the gateway's interface asks. Everything here blocks: ask from a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from streams.processors.human.fields import OPEN
from streams.processors.human.rows import TASKS
from streams.processors.orchestrate.rows import INSTANCES
from streams.processors.view.reader import Reader
from streams.readmodel.paging import Found, Page, matching, page
from streams.readmodel.projection import storable

DUE, NEVER = "due", "never"  # parts of a cursor of tasks
MAX_TEXT = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which instances a list shows."""

    columns: Mapping[str, str]  # workflow, version, status: exactly
    key: str = ""  # how the business key begins
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 50
    cursor: str | None = None


def instances(reader: Reader, wanted: Wanted) -> Page:
    """Instances, newest start first."""
    query = matching(INSTANCES, wanted.columns)
    started = INSTANCES.c.started_at_ms
    if wanted.key:
        key = storable(wanted.key)
        query = query.where(INSTANCES.c.business_key >= key, INSTANCES.c.business_key < key + MAX_TEXT)
    if wanted.since_ms is not None:
        query = query.where(started >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(started < wanted.until_ms)
    order = (started, INSTANCES.c.instance_id)
    return page(reader.engine, query, order, limit=wanted.limit, cursor=wanted.cursor, newest_first=True)


def open_tasks(reader: Reader, team: str = "") -> int:
    """How many tasks wait for people, of a team or of all."""
    query = select(func.count()).select_from(TASKS).where(TASKS.c.status == OPEN)
    if team:
        query = query.where(TASKS.c.team == storable(team))
    with reader.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def teams(reader: Reader) -> list[tuple[str, int]]:
    """The teams that tasks wait for, and how many for each, by name."""
    query = select(TASKS.c.team, func.count()).where(TASKS.c.status == OPEN).group_by(TASKS.c.team)
    with reader.engine.connect() as connection:
        return sorted((str(team), int(count)) for team, count in connection.execute(query))


def tasks(reader: Reader, team: str, *, limit: int, cursor: str | None) -> Page:
    """Open tasks: those that are due first, then those that are never due, the oldest first.

    Two lists behind each other: the first letter of a cursor says in which of them it is.
    """
    query = matching(TASKS, {"status": OPEN, **({"team": team} if team else {})})
    found: list[Found] = []
    place, _, within = (cursor or f"{DUE}.").partition(".")
    if place == DUE:
        due = query.where(TASKS.c.due_ms.is_not(None))
        first = page(reader.engine, due, (TASKS.c.due_ms, TASKS.c.task_id), limit=limit, cursor=within or None)
        if first.next:
            return Page(first.rows, f"{DUE}.{first.next}")
        found, within = first.rows, ""
    left = limit - len(found)
    never = query.where(TASKS.c.due_ms.is_(None))
    rest = page(
        reader.engine, never, (TASKS.c.created_at_ms, TASKS.c.task_id), limit=max(left, 1), cursor=within or None
    )
    if left == 0:
        return Page(found, f"{NEVER}." if rest.rows else None)
    return Page([*found, *rest.rows], f"{NEVER}.{rest.next}" if rest.next else None)


def tasks_of(reader: Reader, instance_id: str) -> list[Found]:
    """The newest human tasks of an instance."""
    return page(
        reader.engine,
        matching(TASKS, {"instance_id": instance_id}),
        (TASKS.c.created_at_ms, TASKS.c.task_id),
        limit=100,
        cursor=None,
        newest_first=True,
    ).rows

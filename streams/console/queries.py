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
    """Open tasks, first those that are due first, and of the others the oldest first."""
    query = matching(TASKS, {"status": OPEN, **({"team": team} if team else {})})
    return page(reader.engine, query, (TASKS.c.due_by_ms, TASKS.c.task_id), limit=limit, cursor=cursor)


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

"""Questions to the read model. Everything here blocks: ask from a thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, Select, func, select

from schemas.lifecycle import OPEN
from streams.processors.decide.rows import DECISIONS
from streams.processors.human.rows import TASKS
from streams.processors.orchestrate.rows import HISTORY, INSTANCES
from streams.readmodel.paging import Found, Page, every, matching, page
from streams.readmodel.projection import storable


class Reader:
    """Reads what the view has written so far."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The database, for questions that stand elsewhere."""
        return self._engine

    def instances(
        self,
        filters: Mapping[str, str],
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Instances, newest start first; `filters` are columns (workflow, status, business_key ...) and their values.

        `since_ms` (inclusive) and `until_ms` (exclusive) bound the start. Raises UsageError for a cursor that is none.
        """
        query = matching(INSTANCES, filters)
        started = INSTANCES.c.started_at_ms
        if since_ms is not None:
            query = query.where(started >= since_ms)
        if until_ms is not None:
            query = query.where(started < until_ms)
        order = (started, INSTANCES.c.instance_id)
        return page(self._engine, query, order, limit=limit, cursor=cursor, newest_first=True)

    def oldest(self) -> dict[str, int]:
        """When the oldest instance that has not ended was started, by workflow (Unix time in milliseconds)."""
        query = (
            select(INSTANCES.c.workflow, func.min(INSTANCES.c.started_at_ms).label("started_at_ms"))
            .where(INSTANCES.c.status.in_(OPEN))
            .group_by(INSTANCES.c.workflow)
        )
        return {row["workflow"]: row["started_at_ms"] for row in every(self._engine, query)}

    def instance(self, instance_id: str) -> Found | None:
        """One instance."""
        return self._one(select(INSTANCES).where(INSTANCES.c.instance_id == storable(instance_id)))

    def history(self, instance_id: str, *, after_seq: int = -1, limit: int = 1_000) -> list[Found]:
        """History entries of an instance behind a sequence number, in order."""
        ours = (HISTORY.c.instance_id == instance_id) & (HISTORY.c.seq > after_seq)
        return every(self._engine, select(HISTORY).where(ours).order_by(HISTORY.c.seq).limit(limit))

    def tasks(self, filters: Mapping[str, str], *, limit: int = 50, cursor: str | None = None) -> Page:
        """Human tasks, oldest first: the next to do comes first."""
        order = (TASKS.c.created_at_ms, TASKS.c.task_id)
        return page(self._engine, matching(TASKS, filters), order, limit=limit, cursor=cursor)

    def task(self, task_id: str) -> Found | None:
        """One human task."""
        return self._one(select(TASKS).where(TASKS.c.task_id == storable(task_id)))

    def decisions(self, instance_id: str) -> list[Found]:
        """Decisions made for an instance, in order."""
        ours = DECISIONS.c.instance_id == instance_id
        query = select(DECISIONS).where(ours).order_by(DECISIONS.c.at_ms, DECISIONS.c.decision_id)
        return every(self._engine, query)

    def _one(self, query: Select[Any]) -> Found | None:
        return next(iter(every(self._engine, query)), None)

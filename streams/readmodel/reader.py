"""Questions to the read model. Everything here blocks: ask from a thread.

Lists come in pages. A page ends with a cursor, which names the last row in the order of the list, so rows that arrive
meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Column, Engine, Select, Table, func, select, tuple_

from streams.engine.lifecycle import TERMINAL, Status
from streams.ground.errors import UsageError
from streams.readmodel.tables import DECISIONS, HISTORY, INSTANCES, TASKS, storable

Row = Mapping[str, Any]
MAX_MS = 2**63 - 1  # of a column
OPEN = sorted(set(Status) - TERMINAL)


class Page(NamedTuple):
    """Some rows of a list, and the cursor of the next page; None at the end."""

    rows: list[Row]
    next: str | None


class Reader:
    """Reads what the view has written so far."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        query = _filtered(INSTANCES, filters)
        started = INSTANCES.c.started_at_ms
        if since_ms is not None:
            query = query.where(started >= since_ms)
        if until_ms is not None:
            query = query.where(started < until_ms)
        return self._page(query, (started, INSTANCES.c.instance_id), limit, cursor, newest_first=True)

    def oldest(self) -> dict[str, int]:
        """When the oldest instance that has not ended was started, by workflow (Unix time in milliseconds)."""
        query = (
            select(INSTANCES.c.workflow, func.min(INSTANCES.c.started_at_ms).label("started_at_ms"))
            .where(INSTANCES.c.status.in_(OPEN))
            .group_by(INSTANCES.c.workflow)
        )
        return {row["workflow"]: row["started_at_ms"] for row in self._all(query)}

    def instance(self, instance_id: str) -> Row | None:
        """One instance."""
        return self._one(select(INSTANCES).where(INSTANCES.c.instance_id == storable(instance_id)))

    def history(self, instance_id: str, *, after_seq: int = -1, limit: int = 1_000) -> list[Row]:
        """History entries of an instance behind a sequence number, in order."""
        ours = (HISTORY.c.instance_id == instance_id) & (HISTORY.c.seq > after_seq)
        return self._all(select(HISTORY).where(ours).order_by(HISTORY.c.seq).limit(limit))

    def tasks(self, filters: Mapping[str, str], *, limit: int = 50, cursor: str | None = None) -> Page:
        """Human tasks, oldest first: the next to do comes first."""
        return self._page(
            _filtered(TASKS, filters), (TASKS.c.created_at_ms, TASKS.c.task_id), limit, cursor, newest_first=False
        )

    def task(self, task_id: str) -> Row | None:
        """One human task."""
        return self._one(select(TASKS).where(TASKS.c.task_id == storable(task_id)))

    def decisions(self, instance_id: str) -> list[Row]:
        """Decisions made for an instance, in order."""
        ours = DECISIONS.c.instance_id == instance_id
        return self._all(select(DECISIONS).where(ours).order_by(DECISIONS.c.at_ms, DECISIONS.c.decision_id))

    def _page(
        self,
        query: Select[Any],
        order: tuple[Column[int], Column[str]],
        limit: int,
        cursor: str | None,
        *,
        newest_first: bool,
    ) -> Page:
        place = tuple_(*order)
        if cursor is not None:
            last = _decode_cursor(cursor)
            query = query.where(place < last if newest_first else place > last)
        by = [column.desc() for column in order] if newest_first else list(order)
        rows = self._all(query.order_by(*by).limit(limit + 1))
        if len(rows) <= limit:
            return Page(rows, None)
        at, key = (rows[limit - 1][column.name] for column in order)
        return Page(rows[:limit], _encode_cursor(at, key))

    def _all(self, query: Select[Any]) -> list[Row]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _one(self, query: Select[Any]) -> Row | None:
        return next(iter(self._all(query)), None)


def _filtered(table: Table, filters: Mapping[str, str]) -> Select[Any]:
    return select(table).where(*(table.c[name] == storable(value) for name, value in filters.items()))


def _encode_cursor(at: int, key: str) -> str:
    return base64.urlsafe_b64encode(f"{at}:{key}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[int, str]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        at, _, key = text.partition(":")
        if abs(int(at)) > MAX_MS or key != storable(key):
            raise ValueError(text)
        return int(at), key
    except (binascii.Error, ValueError):
        raise UsageError("cursor: not one that a list has given; leave it out to begin again") from None

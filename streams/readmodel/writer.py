"""Messages to rows: one transaction a batch, and the same rows however often a message comes.

A history entry is kept once. Of instances and tasks the newest state wins (the higher sequence number or version), so
a batch first forgets what it would overwrite itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from schemas.messages import DECISION, HISTORY_ENTRY, HUMAN_TASK
from streams.readmodel.tables import DECISIONS, HISTORY, INSTANCES, TASKS, storable

Row = dict[str, Any]


class Received(NamedTuple):
    """A decoded message and the framed value that it was decoded from."""

    name: str
    data: Mapping[str, Any]
    value: bytes


class Writer:
    """Writes batches; holds one connection of its own for each write."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._history = insert(HISTORY).on_conflict_do_nothing()
        self._decisions = insert(DECISIONS).on_conflict_do_nothing()
        self._instances = _newest_wins(
            insert(INSTANCES), INSTANCES, ("instance_id", "started_at_ms", "business_key"), order=("seq",)
        )
        # A refused answer changes a task without making a new version of it.
        self._tasks = _newest_wins(
            insert(TASKS), TASKS, ("task_id", "created_at_ms"), order=("version", "updated_at_ms")
        )

    def write(self, batch: Iterable[Received]) -> None:
        """Makes the batch visible, all of it or nothing. Raises SQLAlchemyError."""
        entries: list[Row] = []
        instances: dict[str, Row] = {}
        tasks: dict[str, Row] = {}
        decisions: list[Row] = []
        for name, data, value in batch:
            if name == HISTORY_ENTRY:
                entries.append({**_pick(data, _ENTRY), "message": value})
                _note(instances, data)
            elif name == HUMAN_TASK:
                tasks[data["task_id"]] = {**_pick(data, _TASK), "message": value}
            elif name == DECISION:
                decisions.append({**_pick(data, _DECISION), "message": value})
        with self._engine.begin() as connection:
            for statement, rows in (
                (self._history, entries),
                (self._instances, list(instances.values())),
                (self._tasks, list(tasks.values())),
                (self._decisions, decisions),
            ):
                _execute(connection, statement, rows)


_ENTRY = ("instance_id", "seq", "at_ms")
_TASK = tuple(column.name for column in TASKS.columns if column.name != "message")
_DECISION = tuple(column.name for column in DECISIONS.columns if column.name != "message")


def _pick(data: Mapping[str, Any], names: Sequence[str]) -> Row:
    return {name: storable(data[name]) for name in names}


def _note(instances: dict[str, Row], entry: Mapping[str, Any]) -> None:
    """Keeps the newest state of an instance within the batch; it started with the first entry that was seen of it."""
    known = instances.get(entry["instance_id"])
    if known is not None and known["seq"] > entry["seq"]:
        return
    instances[entry["instance_id"]] = {
        "instance_id": entry["instance_id"],
        "seq": entry["seq"],
        "workflow": entry["workflow"],
        "version": entry["version"],
        "digest": entry["digest"],
        "status": entry["status"],
        "business_key": storable(entry["business_key"]),
        "started_at_ms": entry["at_ms"] if known is None else known["started_at_ms"],
        "updated_at_ms": entry["at_ms"],
    }


def _newest_wins(insert: Any, table: Table, fixed: Sequence[str], order: Sequence[str]) -> Insert:
    """Insert, or update all but the columns that never change, unless what is there is newer."""
    fresh = insert.excluded
    statement: Insert = insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={column.name: fresh[column.name] for column in table.columns if column.name not in fixed},
        where=tuple_(*(fresh[name] for name in order)) >= tuple_(*(table.c[name] for name in order)),
    )
    return statement


def _execute(connection: Connection, statement: Insert, rows: list[Row]) -> None:
    if rows:
        connection.execute(statement, rows)

"""Rows of the read model that are made of human tasks, in their newest state."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from schemas.messages import HUMAN_TASK
from streams.readmodel.projection import DOCUMENT, METADATA, Projection

_OPEN = text("status = 'open'")

TASKS = Table(
    "tasks",
    METADATA,
    Column("task_id", String, primary_key=True),
    Column("instance_id", String(32), nullable=False),
    Column("workflow", String, nullable=False),
    Column("team", String, nullable=False),
    Column("status", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("business_key", String),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("pointer", String),
    Column("title", String),
    Column("input", DOCUMENT),
    Column("outcome", String),
    Column("data", DOCUMENT),
    Column("completed_by", String),
    Column("assignee", String),
    Column("assigned_until_ms", BigInteger),
    Column("aside_until_ms", BigInteger),
    Column("given_to", String),
    Column("message", LargeBinary, nullable=False),
    Index("tasks_by_instance", "instance_id"),
    Index("tasks_by_time", "created_at_ms", "task_id"),
    Index("tasks_open", "team", "created_at_ms", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("tasks_by_change", "updated_at_ms"),
    Index("tasks_due", "due_ms", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# A refused answer or a claim changes a task without making a new version of it.
ROWS = (Projection(message=HUMAN_TASK, table=TASKS, newest_by=("version", "updated_at_ms"), fixed=("created_at_ms",)),)

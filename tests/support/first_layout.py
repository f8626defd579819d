"""The tables of the read model as the first version made them. They never change: databases like that are out there."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, text

METADATA = MetaData()
_OPEN = text("status = 'open'")

INSTANCES = Table(
    "instances",
    METADATA,
    Column("instance_id", String(32), primary_key=True),
    Column("seq", Integer, nullable=False),  # of the newest history entry
    Column("workflow", String, nullable=False),
    Column("version", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("business_key", String),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Index("instances_by_time", "started_at_ms", "instance_id"),
    Index("instances_by_status", "status", "workflow", "started_at_ms"),
    Index("instances_by_business_key", "business_key"),
)

HISTORY = Table(
    "history",
    METADATA,
    Column("instance_id", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("message", LargeBinary, nullable=False),
)

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
    Column("message", LargeBinary, nullable=False),
    Index("tasks_by_instance", "instance_id"),
    Index("tasks_by_time", "created_at_ms", "task_id"),
    Index("tasks_open", "team", "created_at_ms", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("decision_id", String, primary_key=True),
    Column("instance_id", String(32), nullable=False),
    Column("model", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("route", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Index("decisions_by_instance", "instance_id"),
    Index("decisions_by_model", "model", "at_ms"),
)

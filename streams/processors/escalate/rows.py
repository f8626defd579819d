"""Rows of the read model that are made of alerts, in their newest state."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from schemas.messages import ALERT
from streams.readmodel.projection import METADATA, Projection

_OPEN = text("status = 'open'")

ALERTS = Table(
    "alerts",
    METADATA,
    Column("alert_id", String(32), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("title", String, nullable=False),
    Column("workflow", String),
    Column("owner", String),
    Column("count", Integer, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger),
    Column("acknowledged_by", String),
    Column("silenced_until_ms", BigInteger),
    Column("action_id", String),
    Column("message", LargeBinary, nullable=False),
    Index("alerts_by_time", "opened_at_ms", "alert_id"),
    Index("alerts_open", "opened_at_ms", "alert_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

ROWS = (Projection(message=ALERT, table=ALERTS, newest_by=("seq",)),)

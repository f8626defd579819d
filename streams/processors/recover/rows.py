"""Rows of the read model that are made of steps that are tried again."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text

from schemas.messages import RETRY_STATE
from streams.readmodel.projection import METADATA, Projection

WAITING, SENT = "waiting", "sent"
_WAITING = text(f"status = '{WAITING}'")

RETRIES = Table(
    "retries",
    METADATA,
    Column("instance_id", String(32), primary_key=True),
    Column("pointer", String, primary_key=True),
    Column("iteration", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("function", String, nullable=False),
    Column("status", String(16), nullable=False),
    Column("retry", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("reason", String),
    Column("seq", Integer, nullable=False),
    Index("retries_waiting", "due_ms", sqlite_where=_WAITING, postgresql_where=_WAITING),
)

ROWS = (Projection(message=RETRY_STATE, table=RETRIES, newest_by=("seq",)),)

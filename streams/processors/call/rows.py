"""Rows of the read model that are made of webhooks that somebody has had sent once more."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from schemas.messages import REDELIVERY
from streams.readmodel.projection import METADATA, Projection

REDELIVERIES = Table(
    "redeliveries",
    METADATA,
    Column("instance_id", String(32), primary_key=True),
    Column("redelivery_id", String, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Index("redeliveries_by_time", "at_ms"),
)

ROWS = (Projection(message=REDELIVERY, table=REDELIVERIES, newest_by=("seq",)),)

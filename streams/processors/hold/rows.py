"""Rows of the read model about what is held."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table

from schemas.messages import HELD_STARTS
from streams.readmodel.projection import METADATA, Projection

HELD = Table(
    "held",
    METADATA,
    Column("workflow", String, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("waiting", BigInteger, nullable=False),
    Column("since_ms", BigInteger),
    Column("seq", BigInteger, nullable=False),
)

ROWS = (Projection(message=HELD_STARTS, table=HELD, newest_by=("seq",)),)

"""Rows of the read model that tell how models do by their audits."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, LargeBinary, String, Table

from schemas.messages import MODEL_WATCH
from streams.readmodel.projection import METADATA, Projection

WATCHES = Table(
    "model_watches",
    METADATA,
    Column("watch_id", String, primary_key=True),
    Column("model", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("route", String, nullable=False),
    Column("target", Float, nullable=False),
    Column("labels", BigInteger, nullable=False),
    Column("audits", BigInteger, nullable=False),
    Column("wrong", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("alarmed_ms", BigInteger),
    Column("message", LargeBinary, nullable=False),
)

ROWS = (Projection(message=MODEL_WATCH, table=WATCHES, newest_by=("labels",)),)

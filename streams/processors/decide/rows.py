"""Rows of the read model that are made of decisions."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, String, Table

from schemas.messages import DECISION
from streams.readmodel.projection import DOCUMENT, METADATA, Projection

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
    Column("workflow", String),
    Column("pointer", String),
    Column("input", DOCUMENT),
    Column("reasons", DOCUMENT),
    Column("held", DOCUMENT),
    Column("message", LargeBinary, nullable=False),
    Index("decisions_by_instance", "instance_id"),
    Index("decisions_by_model", "model", "at_ms"),
)

ROWS = (Projection(message=DECISION, table=DECISIONS),)

"""Rows of the read model that tell how models do by their audits, and from which versions of labels they learn."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, String, Table

from schemas.messages import LABEL_SET, MODEL_WATCH
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

SETS = Table(
    "label_sets",
    METADATA,
    Column("set_id", String, primary_key=True),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("later", BigInteger, nullable=False),
    Column("contradicting", BigInteger, nullable=False),
    Column("taken_for", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Index("label_sets_by_model", "model", "at_ms"),
)

ROWS = (
    Projection(message=MODEL_WATCH, table=WATCHES, newest_by=("labels",)),
    Projection(message=LABEL_SET, table=SETS),
)

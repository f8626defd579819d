"""Rows of the read model that are made of replays: where each is, and what became of each event."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table

from schemas.messages import REPLAY_RESULT, REPLAY_STATE
from streams.readmodel.projection import METADATA, Projection

REPLAYS = Table(
    "replays",
    METADATA,
    Column("name", String, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("action_id", String),
    Column("refused", String),
    Column("message", LargeBinary, nullable=False),
    Index("replays_by_time", "started_at_ms", "name"),
)

RESULTS = Table(
    "replay_results",
    METADATA,
    Column("replay", String, primary_key=True),
    Column("instance_id", String(32), primary_key=True),
    Column("original_id", String(32), nullable=False),
    Column("workflow", String, nullable=False),
    Column("business_key", String),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    Column("before_routes", String, nullable=False),
    Column("after_routes", String, nullable=False),
    Column("same_output", Boolean),
    Column("stopped_at", String),
    Column("before_ms", BigInteger),
    Column("after_ms", BigInteger, nullable=False),
    Column("before_calls", Integer, nullable=False),
    Column("after_calls", Integer, nullable=False),
    Column("before_people", Integer, nullable=False),
    Column("after_people", Integer, nullable=False),
    Column("before_cost", Float),
    Column("after_cost", Float),
    Column("assumed", Integer, nullable=False),
    Column("real", Integer, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("place", String, nullable=False),
)

ROWS = (
    Projection(message=REPLAY_STATE, table=REPLAYS, newest_by=("seq",)),
    Projection(message=REPLAY_RESULT, table=RESULTS),
)

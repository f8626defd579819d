"""Rows of the read model that are made of letters, in their newest state. They hold nothing of what a letter says."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from schemas.messages import LETTER
from streams.readmodel.projection import METADATA, Projection

_UNDECIDED = text("status IN ('open', 'edited')")

LETTERS = Table(
    "letters",
    METADATA,
    Column("letter_id", String, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("processor", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("workflow", String),
    Column("instance_id", String(32)),
    Column("at_ms", BigInteger, nullable=False),
    Column("action_id", String),
    Column("message", LargeBinary, nullable=False),
    Index("letters_by_time", "at_ms", "letter_id"),
    Index("letters_undecided", "at_ms", "letter_id", sqlite_where=_UNDECIDED, postgresql_where=_UNDECIDED),
)

ROWS = (Projection(message=LETTER, table=LETTERS, newest_by=("seq",)),)

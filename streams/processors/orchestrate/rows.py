"""Rows of the read model that the engine tells: its history, and instances and incidents as they are now."""

from __future__ import annotations

from operator import itemgetter

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, text

from schemas.lifecycle import Phase, Status
from schemas.messages import HISTORY_ENTRY, INCIDENT, INSTANCE_ACT, START_INSTANCE
from streams.readmodel.projection import DOCUMENT, METADATA, Fields, Projection, document, made, made_of_cause

_AT = made(itemgetter("at_ms"), of=("at_ms",))


_ENDED_BADLY = (Phase.WORKFLOW_FAULTED, Phase.WORKFLOW_CANCELLED)


def _error(entry: Fields) -> str | None:
    """What history tells of a bad end, as JSON."""
    if entry["status"] not in (Status.FAULTED, Status.CANCELLED):
        return None
    told = (each["data"] for each in reversed(entry["transitions"]) if each["phase"] in _ENDED_BADLY)
    data = next(told, None)
    return document(data)


def _input(name: str, cause: Fields) -> str | None:
    """The data of the event that started an instance."""
    return document(cause["data"]) if name == START_INSTANCE else None


def _output(entry: Fields) -> str | None:
    """The output of an instance that has completed."""
    if entry["status"] != Status.COMPLETED:
        return None
    ends = (each["data"] for each in entry["transitions"] if each["phase"] == Phase.WORKFLOW_COMPLETED)
    return document(next(ends, None))


def _has_data(entry: Fields) -> bool:
    return bool(entry["seq"] == 0 or entry["status"] == Status.COMPLETED)


HISTORY = Table(
    "history",
    METADATA,
    Column("instance_id", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("message", LargeBinary, nullable=False),
)

_CANCELLED = text("status = 'cancelled'")

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
    Column(
        "error",
        String,
        info=made(_error, of=("status",)),
        doc="Why it faulted: a problem, as JSON; or reason and actor of a cancelled one.",
    ),
    Column("started_at_ms", BigInteger, nullable=False, info=_AT, doc="Unix time in milliseconds of its first entry."),
    Column("updated_at_ms", BigInteger, nullable=False, info=_AT, doc="Unix time in milliseconds of its newest entry."),
    Index("instances_by_time", "started_at_ms", "instance_id"),
    Index("instances_by_status", "status", "workflow", "started_at_ms"),
    Index("instances_by_business_key", "business_key"),
    Index("instances_cancelled", "updated_at_ms", sqlite_where=_CANCELLED, postgresql_where=_CANCELLED),
)

INSTANCE_DATA = Table(
    "instance_data",
    METADATA,
    Column("instance_id", String(32), primary_key=True),
    Column(
        "input",
        DOCUMENT,
        info=made_of_cause(_input, of=("seq", "cause")),
        doc="Data of the event that started it.",
    ),
    Column("output", DOCUMENT, info=made(_output, of=("status",)), doc="What it has given; null until it completed."),
)

_OPEN = text("status = 'open'")
_DECIDED = text("actor IS NOT NULL")

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("instance_id", String(32), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("workflow", String, nullable=False),
    Column("version", String, nullable=False),
    Column("pointer", String, nullable=False),
    Column("function", String),
    Column("reason", String),
    Column("status", String(16), nullable=False),
    Column("business_key", String),
    Column("owner", String, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("error", DOCUMENT),
    Column("closed_at_ms", BigInteger),
    Column("actor", String),
    Column("message", LargeBinary, nullable=False),
    Index("incidents_by_instance", "instance_id"),
    Index("incidents_by_time", "opened_at_ms", "incident_id"),
    Index("incidents_decided", "closed_at_ms", sqlite_where=_DECIDED, postgresql_where=_DECIDED),
    Index("incidents_open", "opened_at_ms", "incident_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

ACTS = Table(
    "acts",
    METADATA,
    Column("instance_id", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("action", String(16), nullable=False),
    Column("workflow", String, nullable=False),
    Column("business_key", String),
    Column("actor", String, nullable=False),
    Column("why", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("refused", Boolean, nullable=False),
    Index("acts_by_time", "at_ms"),
)

ROWS = (
    Projection(message=INSTANCE_ACT, table=ACTS),
    Projection(message=INCIDENT, table=INCIDENTS, newest_by=("seq",)),
    Projection(message=HISTORY_ENTRY, table=HISTORY),
    Projection(message=HISTORY_ENTRY, table=INSTANCES, newest_by=("seq",), fixed=("started_at_ms", "business_key")),
    Projection(message=HISTORY_ENTRY, table=INSTANCE_DATA, when=_has_data, seen_by=("seq", "status")),
)

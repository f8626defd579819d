"""What the read model says of first runs. Everything here blocks: ask from a thread."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, Select, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from streams.ground.errors import UnavailableError
from streams.processors.orchestrate.retrace import MAX_ENTRIES
from streams.processors.orchestrate.rows import HISTORY, INSTANCES
from streams.processors.replay.standing import Past
from streams.readmodel.database import reason_of

MAX_AT_ONCE = 5_000  # entries


class Known(NamedTuple):
    """What is known of a first run: its status, and its history as far as that can be read."""

    status: str
    messages: list[bytes]


class Start(NamedTuple):
    """The first entry of an instance."""

    at_ms: int
    instance_id: str
    message: bytes


def statuses(engine: Engine, instance_ids: Collection[str]) -> Mapping[str, str]:
    """How those of the instances are that are on record."""
    return {row.instance_id: row.status for row in _on_record(engine, instance_ids)}


class Begun(NamedTuple):
    """How a run is now, and its first entry."""

    status: str
    start: Start


def begun(engine: Engine, instance_ids: Collection[str]) -> Mapping[str, Begun]:
    """Those of the instances that are on record with their first entry."""
    first = (HISTORY.c.instance_id == INSTANCES.c.instance_id) & (HISTORY.c.seq == 0)
    query = (
        select(INSTANCES.c.started_at_ms, INSTANCES.c.instance_id, INSTANCES.c.status, HISTORY.c.message)
        .join(HISTORY, first)
        .where(INSTANCES.c.instance_id.in_(instance_ids))
    )
    rows = _rows(engine, query)
    return {row.instance_id: Begun(row.status, Start(row.started_at_ms, row.instance_id, row.message)) for row in rows}


def first_runs(engine: Engine, instance_ids: Collection[str]) -> Mapping[str, Known]:
    """Those of the instances that are on record."""
    rows = _on_record(engine, instance_ids)
    found = {row.instance_id: Known(row.status, []) for row in rows}
    for group in _groups([(row.instance_id, row.seq + 1) for row in rows]):
        entries = (
            select(HISTORY.c.instance_id, HISTORY.c.message)
            .where(HISTORY.c.instance_id.in_(group))
            .order_by(HISTORY.c.instance_id, HISTORY.c.seq)
        )
        for row in _rows(engine, entries):
            found[row.instance_id].messages.append(row.message)
    return found


def _on_record(engine: Engine, instance_ids: Collection[str]) -> Sequence[Row[Any]]:
    columns = (INSTANCES.c.instance_id, INSTANCES.c.status, INSTANCES.c.seq)
    return _rows(engine, select(*columns).where(INSTANCES.c.instance_id.in_(instance_ids)))


def _rows(engine: Engine, query: Select[Any]) -> Sequence[Row[Any]]:
    try:
        with engine.connect() as connection:
            return connection.execute(query).all()
    except SQLAlchemyError as error:
        raise UnavailableError(f"The read model does not answer ({reason_of(error)}).") from None


def _groups(sizes: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """The instances in groups of so many entries; one of too many is left out."""
    group: list[str] = []
    entries = 0
    for instance_id, size in sizes:
        if size > MAX_ENTRIES:
            continue
        if entries + size > MAX_AT_ONCE and group:
            yield group
            group, entries = [], 0
        group.append(instance_id)
        entries += size
    if group:
        yield group


def starts(engine: Engine, workflows: Collection[str], past: Past, limit: int) -> list[Start]:
    """The first entries of the instances that began next, in the order of time."""
    place = tuple_(INSTANCES.c.started_at_ms, INSTANCES.c.instance_id)
    query = (
        select(INSTANCES.c.started_at_ms, INSTANCES.c.instance_id, HISTORY.c.message)
        .join(HISTORY, (HISTORY.c.instance_id == INSTANCES.c.instance_id) & (HISTORY.c.seq == 0))
        .where(INSTANCES.c.workflow.in_(workflows), place > (past.at_ms, past.instance_id))
        .where(INSTANCES.c.started_at_ms < past.until_ms)
        .order_by(INSTANCES.c.started_at_ms, INSTANCES.c.instance_id)
        .limit(limit)
    )
    return [Start(row.started_at_ms, row.instance_id, row.message) for row in _rows(engine, query)]

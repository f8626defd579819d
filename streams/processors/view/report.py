"""How workflows do: the figures of the business, by workflow and version, of the instances that began in some time.

All of it is asked of the rows, so that anybody can ask the same with SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, select, union

from schemas.lifecycle import OPEN, Status
from streams.processors.human.rows import TASKS
from streams.processors.orchestrate.rows import INCIDENTS, INSTANCES
from streams.processors.recover.rows import RETRIES
from streams.processors.view.reader import Reader
from streams.readmodel.projection import storable

Key = tuple[str, str]  # workflow and version


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Instances of one version."""

    workflow: str
    version: str
    started: int
    open: int
    completed: int
    faulted: int
    cancelled: int
    without_people: int  # of the completed: nobody was asked
    first_time_right: int  # of the completed: no step failed in a way that somebody or something had to mend
    mean_ms: int | None = None  # from the beginning to the end, of the completed
    median_ms: int | None = None
    slow_ms: int | None = None  # 95 % are within

    @property
    def automation_rate(self) -> float | None:
        """The share of the completed that went without people; None of none."""
        return self.without_people / self.completed if self.completed else None

    @property
    def first_time_right_rate(self) -> float | None:
        """The share of the completed in which nothing had to be mended."""
        return self.first_time_right / self.completed if self.completed else None


def figures(
    reader: Reader, since_ms: int, until_ms: int, workflow: str = "", by: ColumnElement[str] = INSTANCES.c.version
) -> list[Figures]:
    """Of the instances that began then or later, and before `until_ms`; by workflow and version, or what else tells
    versions apart (`by`). Of one workflow only where it is named. Blocks."""
    meant = _began(since_ms, until_ms)
    if workflow:
        meant &= INSTANCES.c.workflow == storable(workflow)
    of = (INSTANCES.c.workflow, by)
    completed = INSTANCES.c.status == Status.COMPLETED
    query = (
        select(
            *of,
            func.count(),
            func.count().filter(INSTANCES.c.status.in_(OPEN)),
            func.count().filter(completed),
            func.count().filter(INSTANCES.c.status == Status.FAULTED),
            func.count().filter(INSTANCES.c.status == Status.CANCELLED),
            func.avg(_TOOK).filter(completed),
        )
        .where(meant)
        .group_by(*of)
    )
    asked = select(TASKS.c.instance_id).distinct()
    mended = union(select(INCIDENTS.c.instance_id), select(RETRIES.c.instance_id))
    with ThreadPoolExecutor(2) as at_once:  # each goes over all that began then, and the database has other cores
        with_people, with_mending = (at_once.submit(_completed, reader, among, meant, by) for among in (asked, mended))
        with reader.engine.connect() as connection:
            found = connection.execute(query.order_by(*of)).all()
        took = _took(reader, {n * share // 100 for *_, n, _, _, _ in found for share in (50, 95)}, meant, by)
    asked_of, mended_of = with_people.result(), with_mending.result()
    return [
        Figures(
            workflow=name, version=version, started=started, open=still, completed=number, faulted=faulted,
            cancelled=cancelled, without_people=max(0, number - asked_of.get((name, version), 0)),
            first_time_right=max(0, number - mended_of.get((name, version), 0)),
            mean_ms=None if mean is None else round(mean),
            median_ms=took.get((name, version, number * 50 // 100)),
            slow_ms=took.get((name, version, number * 95 // 100)),
        )
        for name, version, started, still, number, faulted, cancelled, mean in found
    ]  # fmt: skip


WINDOWS: Mapping[str, int] = {"5m": 5 * 60_000, "30m": 30 * 60_000, "1h": 3_600_000, "6h": 6 * 3_600_000}


def recent(reader: Reader, since_ms: int, until_ms: int) -> dict[tuple[str, str, str], int]:
    """Of the instances that began then or later: how many have completed within each window before `until_ms`, by
    workflow, window, and whether anybody was asked (yes, no). Blocks.
    """
    asked = _has(TASKS.c.instance_id)
    counts = [
        func.count().filter(INSTANCES.c.updated_at_ms >= until_ms - window_ms, ~asked if answer == "no" else asked)
        for window_ms in WINDOWS.values()
        for answer in ("yes", "no")
    ]
    query = (
        select(INSTANCES.c.workflow, *counts)
        .where(_began(since_ms, until_ms), INSTANCES.c.status == Status.COMPLETED)
        .where(INSTANCES.c.updated_at_ms >= until_ms - max(WINDOWS.values()))
        .group_by(INSTANCES.c.workflow)
    )
    keys = [(window, answer) for window in WINDOWS for answer in ("yes", "no")]
    with reader.engine.connect() as connection:
        return {
            (workflow, *key): number
            for workflow, *numbers in connection.execute(query)
            for key, number in zip(keys, numbers, strict=True)
        }


_TOOK = INSTANCES.c.updated_at_ms - INSTANCES.c.started_at_ms


def _completed(
    reader: Reader, among: Select[Any] | CompoundSelect[Any], meant: ColumnElement[bool], by: ColumnElement[str]
) -> dict[Key, int]:
    """How many of some instances have completed. They are few, so they are looked up, and not all others asked."""
    few = among.subquery()
    query = (
        select(INSTANCES.c.workflow, by, func.count())
        .select_from(few.join(INSTANCES, INSTANCES.c.instance_id == few.c.instance_id))
        .where(meant, INSTANCES.c.status == Status.COMPLETED)
        .group_by(INSTANCES.c.workflow, by)
    )
    with reader.engine.connect() as connection:
        return {(workflow, version): number for workflow, version, number in connection.execute(query)}


def _took(
    reader: Reader, places: Set[int], meant: ColumnElement[bool], by: ColumnElement[str]
) -> dict[tuple[str, str, int], int]:
    """How long those at some places took, exactly: the completed of each version are numbered by that, from 0."""
    place = func.row_number().over(partition_by=(INSTANCES.c.workflow, by), order_by=_TOOK) - 1
    of = (INSTANCES.c.workflow, by.label("version"))
    each = (
        select(*of, place.label("place"), _TOOK.label("took"))
        .where(meant, INSTANCES.c.status == Status.COMPLETED)
        .subquery()
    )
    query = select(each).where(each.c.place.in_(places))
    with reader.engine.connect() as connection:
        return {(workflow, version, at): int(took) for workflow, version, at, took in connection.execute(query)}


def _began(since_ms: int, until_ms: int) -> ColumnElement[bool]:
    return (INSTANCES.c.started_at_ms >= since_ms) & (INSTANCES.c.started_at_ms < until_ms)


def _has(instance_id: ColumnElement[str]) -> ColumnElement[bool]:
    return select(instance_id).where(instance_id == INSTANCES.c.instance_id).correlate(INSTANCES).exists()

"""Questions to the read model. Everything here blocks: ask from a thread."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, func, select

from schemas import ids
from schemas.lifecycle import OF_INSTANCES, OPEN, Status
from schemas.reasons import Reason
from streams.processors.call.rows import REDELIVERIES
from streams.processors.decide.rows import DECISIONS
from streams.processors.escalate.rows import ALERTS
from streams.processors.hold.rows import HELD
from streams.processors.human.fields import OPEN as OPEN_TASK
from streams.processors.human.rows import TASKS
from streams.processors.letters.letter import UNDECIDED
from streams.processors.letters.rows import LETTERS
from streams.processors.monitor.rows import SETS, WATCHES
from streams.processors.orchestrate.rows import HISTORY, INCIDENTS, INSTANCES
from streams.processors.recover.rows import RETRIES, WAITING
from streams.processors.view.search import Place, at_places
from streams.readmodel.paging import Found, Page, beginning, every, matching, page, page_of_lists
from streams.readmodel.projection import storable

REASONS = frozenset(Reason)
MOST_WORKFLOWS = 12  # that a list is put together from, with a part for each status
LOOKED_AT = 1_000  # instances, for the one that has not moved for longest


class Reader:
    """Reads what the view has written so far."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The database, for questions that stand elsewhere."""
        return self._engine

    def instances(
        self,
        filters: Mapping[str, str],
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        id_begins: str = "",
        also: Sequence[ColumnElement[bool]] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Instances, newest start first; `filters` are columns (workflow, status, business_key ...) and their values.

        `since_ms` (inclusive) and `until_ms` (exclusive) bound the start; `id_begins` are the first digits of the id;
        `also` are further conditions (`search.py`). Raises UsageError for a cursor that is none.
        """
        query = beginning(matching(INSTANCES, filters), INSTANCES.c.instance_id, id_begins).where(*also)
        started = INSTANCES.c.started_at_ms
        if since_ms is not None:
            query = query.where(started >= since_ms)
        if until_ms is not None:
            query = query.where(started < until_ms)
        order = (started, INSTANCES.c.instance_id)
        return page(self._engine, query, order, limit=limit, cursor=cursor, newest_first=True)

    def newest_of(
        self,
        workflows: Sequence[str],
        *,
        id_begins: str = "",
        also: Sequence[ColumnElement[bool]] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Instances of these workflows, as `instances` gives them.

        The index on (status, workflow, started) gives the newest of one status and one workflow at once; so the page is
        put together from a short list for each, or whoever begins seldom would be looked for among all.
        """
        ours = beginning(select(INSTANCES), INSTANCES.c.instance_id, id_begins).where(*also)
        names = [storable(each) for each in workflows]
        lists = [ours.where(INSTANCES.c.workflow.in_(names))]
        if len(names) <= MOST_WORKFLOWS and not id_begins:
            of = INSTANCES.c
            lists = [ours.where(of.status == each, of.workflow == name) for each, name in product(OF_INSTANCES, names)]
        order = (INSTANCES.c.started_at_ms, INSTANCES.c.instance_id)
        return page_of_lists(self._engine, lists, order, limit=limit, cursor=cursor, newest_first=True)

    def oldest(self) -> dict[str, int]:
        """When the oldest instance that has not ended was started, by workflow (Unix time in milliseconds)."""
        query = (
            select(INSTANCES.c.workflow, func.min(INSTANCES.c.started_at_ms).label("started_at_ms"))
            .where(INSTANCES.c.status.in_(OPEN))
            .group_by(INSTANCES.c.workflow)
        )
        return {row["workflow"]: row["started_at_ms"] for row in every(self._engine, query)}

    def idlest(self) -> dict[str, int]:
        """When the instance moved that has not moved for longest while a step processor is at work on it, by workflow
        (Unix time in milliseconds). Of the oldest ones, and without those that wait for a next try.

        What does not move becomes the oldest, so that few need be looked at.
        """
        found = _at_work().subquery()
        query = select(found.c.workflow, func.min(found.c.updated_at_ms).label("at_ms")).group_by(found.c.workflow)
        return {row["workflow"]: row["at_ms"] for row in every(self._engine, query)}

    def idle(self, before_ms: int, limit: int) -> Sequence[Found]:
        """Those instances at work that have not moved since then, the idlest first: id, workflow and when they moved.

        Looked for where `idlest` looks.
        """
        found = _at_work().subquery()
        query = select(found).where(found.c.updated_at_ms < before_ms)
        return every(self._engine, query.order_by(found.c.updated_at_ms, found.c.instance_id).limit(limit))

    def counts(self) -> dict[str, int]:
        """How many instances there are, by status."""
        query = select(INSTANCES.c.status, func.count().label("number")).group_by(INSTANCES.c.status)
        return {row["status"]: row["number"] for row in every(self._engine, query)}

    def open_by_digest(self) -> dict[str, int]:
        """How many instances have not ended, by the definition that they are on."""
        query = select(INSTANCES.c.digest, func.count().label("number")).where(INSTANCES.c.status.in_(OPEN))
        return {row["digest"]: row["number"] for row in every(self._engine, query.group_by(INSTANCES.c.digest))}

    def held(self) -> dict[str, int]:
        """How many events wait until their workflow is active again, by workflow."""
        query = select(HELD.c.workflow, func.sum(HELD.c.waiting).label("number")).group_by(HELD.c.workflow)
        return {row["workflow"]: int(row["number"]) for row in every(self._engine, query)}

    def count(self, filters: Mapping[str, str], since_ms: int | None) -> int:
        """How many instances there are with these values of columns, that were started then or later."""
        query = matching(INSTANCES, filters).where(INSTANCES.c.status.in_(OF_INSTANCES))  # so that the index serves
        if since_ms is not None:
            query = query.where(INSTANCES.c.started_at_ms >= since_ms)
        (row,) = every(self._engine, select(func.count().label("number")).select_from(query.subquery()))
        return int(row["number"])

    def faulted_since(self, since_ms: int) -> int:
        """How many instances have faulted since then."""
        return self._count(INSTANCES, (INSTANCES.c.status == Status.FAULTED) & (INSTANCES.c.updated_at_ms >= since_ms))

    def count_incidents(self) -> int:
        """How many failed steps wait for a decision."""
        return self._count(INCIDENTS, INCIDENTS.c.status == "open")

    def open_tasks(self, at_ms: int) -> tuple[int, int]:
        """How many tasks are open, and how many of them are overdue."""
        return self._count(TASKS, TASKS.c.status == OPEN_TASK), self._count(TASKS, _overdue(at_ms))

    def instance(self, instance_id: str) -> Found | None:
        """One instance."""
        return self._one(select(INSTANCES).where(INSTANCES.c.instance_id == storable(instance_id)))

    def known(self, instance_ids: Collection[str], since_ms: int) -> list[str]:
        """Those of the instances that are under way, or have ended since then."""
        ours = INSTANCES.c.instance_id.in_([storable(each) for each in instance_ids])
        alive = INSTANCES.c.status.in_(OPEN) | (INSTANCES.c.updated_at_ms >= since_ms)
        return [row["instance_id"] for row in every(self._engine, select(INSTANCES.c.instance_id).where(ours & alive))]

    def history(self, instance_id: str, *, after_seq: int = -1, limit: int = 1_000) -> list[Found]:
        """History entries of an instance behind a sequence number, in order."""
        ours = (HISTORY.c.instance_id == instance_id) & (HISTORY.c.seq > after_seq)
        return every(self._engine, select(HISTORY).where(ours).order_by(HISTORY.c.seq).limit(limit))

    def histories(self, instance_ids: Collection[str], limit: int) -> list[Found]:
        """History entries of several instances, each in order."""
        query = select(HISTORY).where(HISTORY.c.instance_id.in_(instance_ids))
        return every(self._engine, query.order_by(HISTORY.c.instance_id, HISTORY.c.seq).limit(limit))

    def incidents(
        self,
        filters: Mapping[str, str],
        *,
        places: Sequence[Place] | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Incidents, the oldest first; `filters` are columns (workflow, status, reason ...) and their values.

        `places`: those of these tasks only. `since_ms` (inclusive) and `until_ms` (exclusive) bound the time at which
        they were opened.
        """
        query = matching(INCIDENTS, filters)
        if places is not None:
            query = query.where(at_places(INCIDENTS, places))
        opened = INCIDENTS.c.opened_at_ms
        if since_ms is not None:
            query = query.where(opened >= since_ms)
        if until_ms is not None:
            query = query.where(opened < until_ms)
        return page(self._engine, query, (opened, INCIDENTS.c.incident_id), limit=limit, cursor=cursor)

    def slowest_undos(self) -> dict[str, int]:
        """When the instance moved that has not moved for longest while what it did is undone, by workflow (Unix time in
        milliseconds)."""
        query = (
            select(INSTANCES.c.workflow, func.min(INSTANCES.c.updated_at_ms).label("updated_at_ms"))
            .where(INSTANCES.c.status == Status.UNDOING)
            .group_by(INSTANCES.c.workflow)
        )
        return {row["workflow"]: row["updated_at_ms"] for row in every(self._engine, query)}

    def oldest_incidents(self) -> dict[str, int]:
        """When the oldest open incident was opened, by workflow (Unix time in milliseconds)."""
        query = (
            select(INCIDENTS.c.workflow, func.min(INCIDENTS.c.opened_at_ms).label("opened_at_ms"))
            .where(INCIDENTS.c.status == "open")
            .group_by(INCIDENTS.c.workflow)
        )
        return {row["workflow"]: row["opened_at_ms"] for row in every(self._engine, query)}

    def incidents_open(self) -> dict[tuple[str, str, str], int]:
        """How many are open, by workflow, reason and owner."""
        of = (INCIDENTS.c.workflow, INCIDENTS.c.reason, INCIDENTS.c.owner)
        query = select(*of, func.count().label("number")).where(INCIDENTS.c.status == "open").group_by(*of)
        found: dict[tuple[str, str, str], int] = {}
        for row in every(self._engine, query):
            reason = row["reason"] if row["reason"] in REASONS else "other"  # a definition may raise any
            key = (row["workflow"], reason, row["owner"])
            found[key] = found.get(key, 0) + row["number"]
        return found

    def open_incidents(self, instance_ids: Collection[str]) -> list[Found]:
        """Those of some instances, in the order in which they were opened."""
        ours = INCIDENTS.c.instance_id.in_([storable(each) for each in instance_ids]) & (INCIDENTS.c.status == "open")
        query = select(INCIDENTS).where(ours).order_by(INCIDENTS.c.opened_at_ms, INCIDENTS.c.incident_id)
        return every(self._engine, query)

    def retrying(self, instance_ids: Collection[str]) -> list[Found]:
        """The steps of some instances that wait for their next try, the first to come first."""
        ours = RETRIES.c.instance_id.in_([storable(each) for each in instance_ids]) & (RETRIES.c.status == WAITING)
        return every(self._engine, select(RETRIES).where(ours).order_by(RETRIES.c.due_ms, RETRIES.c.pointer))

    def incident(self, incident_id: str) -> Found | None:
        """One incident."""
        return self._one(select(INCIDENTS).where(INCIDENTS.c.incident_id == storable(incident_id)))

    def letters(
        self,
        filters: Mapping[str, str],
        *,
        status: str | None = None,
        reason: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Letters, the oldest first; `filters` are columns (kind, topic ...) and their values; `status` may be
        undecided, too; `reason` is a part of it; the times bound when it was written.
        """
        query, at = matching(LETTERS, filters), LETTERS.c.at_ms
        if status is not None:
            wanted = UNDECIDED if status == "undecided" else (status,)
            query = query.where(LETTERS.c.status.in_(wanted))
        if reason is not None:
            query = query.where(LETTERS.c.reason.contains(storable(reason), autoescape=True))
        if since_ms is not None:
            query = query.where(at >= since_ms)
        if until_ms is not None:
            query = query.where(at < until_ms)
        return page(self._engine, query, (at, LETTERS.c.letter_id), limit=limit, cursor=cursor)

    def redeliveries(self, instance_ids: Collection[str]) -> list[Found]:
        """What was sent once more of what some instances have sent, in no order."""
        ours = REDELIVERIES.c.instance_id.in_([storable(each) for each in instance_ids])
        return every(self._engine, select(REDELIVERIES).where(ours))

    def letter(self, letter_id: str) -> Found | None:
        """One letter."""
        return self._one(select(LETTERS).where(LETTERS.c.letter_id == storable(letter_id)))

    def letters_of(self, letter_ids: Collection[str]) -> dict[str, Found]:
        """Those of the letters that are known, by id."""
        ours = LETTERS.c.letter_id.in_([storable(each) for each in letter_ids])
        return {row["letter_id"]: row for row in every(self._engine, select(LETTERS).where(ours))}

    def alerts(
        self, filters: Mapping[str, str], *, id_begins: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        """Alerts, the newest first; `filters` are columns (status, kind, workflow ...) and their values."""
        order = (ALERTS.c.opened_at_ms, ALERTS.c.alert_id)
        query = beginning(matching(ALERTS, filters), ALERTS.c.alert_id, id_begins)
        return page(self._engine, query, order, limit=limit, cursor=cursor, newest_first=True)

    def alert(self, alert_id: str) -> Found | None:
        """One alert."""
        return self._one(select(ALERTS).where(ALERTS.c.alert_id == storable(alert_id)))

    def model_watches(self, model: str | None = None) -> Sequence[Found]:
        """How models do by their audits, by model, version and route."""
        query = select(WATCHES).order_by(WATCHES.c.model, WATCHES.c.model_version, WATCHES.c.route, WATCHES.c.at_ms)
        return every(self._engine, query if model is None else query.where(WATCHES.c.model == storable(model)))

    def label_sets(self, model: str, limit: int) -> list[Found]:
        """The newest versions of the data set of labels of a model."""
        query = select(SETS).where(SETS.c.model == storable(model)).order_by(SETS.c.at_ms.desc(), SETS.c.set_id)
        return every(self._engine, query.limit(limit))

    def alerts_open(self) -> dict[tuple[str, str], int]:
        """How many are open, by kind and severity."""
        of = (ALERTS.c.kind, ALERTS.c.severity)
        query = select(*of, func.count().label("number")).where(ALERTS.c.status == "open").group_by(*of)
        return {(row["kind"], row["severity"]): row["number"] for row in every(self._engine, query)}

    def tasks(
        self,
        filters: Mapping[str, str],
        *,
        id_begins: str = "",
        overdue_at_ms: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Human tasks, oldest first: the next to do comes first. `id_begins`: of the instance, and of the task;
        `overdue_at_ms`: those only that are open and overdue then.
        """
        order = (TASKS.c.created_at_ms, TASKS.c.task_id)
        query = beginning(matching(TASKS, filters), TASKS.c.instance_id, ids.instance_of(id_begins))
        if "/" in id_begins:
            query = query.where(TASKS.c.task_id.startswith(storable(id_begins), autoescape=True))
        if overdue_at_ms is not None:
            query = query.where(_overdue(overdue_at_ms))
        return page(self._engine, query, order, limit=limit, cursor=cursor)

    def task(self, task_id: str) -> Found | None:
        """One human task."""
        return self._one(select(TASKS).where(TASKS.c.task_id == storable(task_id)))

    def decisions(self, instance_id: str) -> list[Found]:
        """Decisions made for an instance, in order."""
        ours = DECISIONS.c.instance_id == instance_id
        query = select(DECISIONS).where(ours).order_by(DECISIONS.c.at_ms, DECISIONS.c.decision_id)
        return every(self._engine, query)

    def all_decisions(
        self,
        filters: Mapping[str, str],
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Decisions, newest first; `filters` are columns (model, route ...) and their values; the times as of
        `instances`. Raises UsageError for a cursor that is none.
        """
        at = DECISIONS.c.at_ms
        query = matching(DECISIONS, filters)
        if since_ms is not None:
            query = query.where(at >= since_ms)
        if until_ms is not None:
            query = query.where(at < until_ms)
        order = (at, DECISIONS.c.decision_id)
        return page(self._engine, query, order, limit=limit, cursor=cursor, newest_first=True)

    def decision(self, decision_id: str) -> Found | None:
        """One decision."""
        return self._one(select(DECISIONS).where(DECISIONS.c.decision_id == storable(decision_id)))

    def _count(self, table: Table, which: ColumnElement[bool]) -> int:
        (row,) = every(self._engine, select(func.count().label("number")).select_from(table).where(which))
        return int(row["number"])

    def _one(self, query: Select[Any]) -> Found | None:
        return next(iter(every(self._engine, query)), None)


def _overdue(at_ms: int) -> ColumnElement[bool]:
    return (TASKS.c.status == OPEN_TASK) & (TASKS.c.due_ms < at_ms)


def _at_work() -> Select[Any]:
    """Instances that a step processor is at work on, or that are undone: the oldest, and without those that wait for
    a next try."""
    retried = select(RETRIES.c.instance_id).where(RETRIES.c.status == WAITING)
    of = INSTANCES.c
    return (
        select(of.instance_id, of.workflow, of.updated_at_ms)
        .where(of.status.in_((Status.RUNNING, Status.UNDOING)), of.instance_id.not_in(retried))
        .order_by(of.started_at_ms)
        .limit(LOOKED_AT)
    )

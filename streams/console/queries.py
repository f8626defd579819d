"""What pages ask the read model beyond what the gateway's interface asks. Everything here blocks: ask from a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select

from schemas.lifecycle import OF_INSTANCES, Status
from schemas.lifecycle import OPEN as OPEN_STATUSES
from schemas.reasons import Reason
from streams.language.graph import Graph
from streams.processors.call.rows import REDELIVERIES
from streams.processors.decide.rows import DECISIONS
from streams.processors.human.fields import COMPLETED, OPEN
from streams.processors.human.rows import TASKS
from streams.processors.orchestrate.rows import ACTS, INCIDENTS, INSTANCES
from streams.processors.recover.rows import RETRIES, WAITING
from streams.processors.replay.rows import REPLAYS
from streams.processors.view.reader import Reader
from streams.processors.view.search import Place, at_places
from streams.readmodel.paging import Found, Page, every, matching, page, page_of_lists
from streams.readmodel.projection import storable

DUE, NEVER, ASIDE = "due", "never", "aside"  # parts of a cursor of tasks
MOST_LISTS = 60  # that a list is put together from
SPANNING = 200  # tasks that changed on both sides of a time
CLOCKS_MS = 3_600_000  # by which the clock of who makes a task may be behind that of who has begun its instance
SAMPLE = 2_000  # rows of which something is computed that SQL does not
MAX_TEXT = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which instances a list shows."""

    columns: Mapping[str, str]  # workflow, version, status: exactly
    key: str = ""  # how the business key begins
    since_ms: int | None = None
    until_ms: int | None = None
    also: Sequence[ColumnElement[bool]] = ()
    limit: int = 50
    cursor: str | None = None


def instances(reader: Reader, wanted: Wanted) -> Page:
    """Instances, newest start first.

    The index on (status, workflow, started) gives the newest of one status and one workflow at once. So a list that
    is narrowed by one of them only is put together from short lists, one for each value of the other.
    """
    return _page(reader, _parts(reader, wanted), wanted.limit, wanted.cursor)


def _parts(reader: Reader, wanted: Wanted) -> list[Wanted]:
    """The lists of which one is put together."""
    narrowed = {"status", "workflow"} & wanted.columns.keys()
    if len(narrowed) != 1 or wanted.also:
        return [wanted]
    other, values = ("status", OF_INSTANCES) if "workflow" in narrowed else ("workflow", _workflows(reader, wanted))
    if values is None:
        return [wanted]
    return [replace(wanted, columns={**wanted.columns, other: value}) for value in values]


def _workflows(reader: Reader, wanted: Wanted) -> Sequence[str] | None:
    """The workflows that have instances in the status of a list, each found by one step in the index; None where they
    are too many to read a list for each."""
    name = INSTANCES.c.workflow
    first = select(func.min(name).label("name")).where(INSTANCES.c.status == storable(wanted.columns["status"]))
    known = first.cte("known", recursive=True)
    following = first.where(name > known.c.name).correlate(known).scalar_subquery()
    known = known.union_all(select(following).where(known.c.name.is_not(None)))
    with reader.engine.connect() as connection:
        query = select(known.c.name).where(known.c.name.is_not(None)).limit(MOST_LISTS + 1)
        found = [str(each) for each in connection.execute(query).scalars()]
    return found if len(found) <= MOST_LISTS else None


def _page(reader: Reader, parts: Sequence[Wanted], limit: int, cursor: str | None) -> Page:
    order = (INSTANCES.c.started_at_ms, INSTANCES.c.instance_id)
    lists = [_instances(each) for each in parts]
    return page_of_lists(reader.engine, lists, order, limit=limit, cursor=cursor, newest_first=True)


def _instances(wanted: Wanted) -> Select[Any]:
    query = matching(INSTANCES, wanted.columns).where(*wanted.also)
    started = INSTANCES.c.started_at_ms
    if wanted.key:
        key = storable(wanted.key)
        query = query.where(INSTANCES.c.business_key >= key, INSTANCES.c.business_key < key + MAX_TEXT)
    if wanted.since_ms is not None:
        query = query.where(started >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(started < wanted.until_ms)
    return query


def open_tasks(reader: Reader, team: str = "") -> int:
    """How many tasks wait for people, of a team or of all."""
    query = select(func.count()).select_from(TASKS).where(TASKS.c.status == OPEN)
    if team:
        query = query.where(TASKS.c.team == storable(team))
    with reader.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def teams(reader: Reader) -> list[tuple[str, int]]:
    """The teams that tasks wait for, and how many for each, by name."""
    query = select(TASKS.c.team, func.count()).where(TASKS.c.status == OPEN).group_by(TASKS.c.team)
    with reader.engine.connect() as connection:
        return sorted((str(team), int(count)) for team, count in connection.execute(query))


def tasks(reader: Reader, team: str, now_ms: int, *, limit: int, cursor: str | None) -> Page:
    """Open tasks: those that are due first, then those that are never due, the oldest first, then what was put aside.

    Lists behind each other: the first word of a cursor says in which of them it is.
    """
    query = matching(TASKS, {"status": OPEN, **({"team": team} if team else {})})
    is_aside = TASKS.c.aside_until_ms > now_ms
    there = TASKS.c.aside_until_ms.is_(None) | (TASKS.c.aside_until_ms <= now_ms)
    lists = {
        DUE: (TASKS.c.due_ms.is_not(None) & there, TASKS.c.due_ms),
        NEVER: (TASKS.c.due_ms.is_(None) & there, TASKS.c.created_at_ms),
        ASIDE: (is_aside, TASKS.c.aside_until_ms),
    }
    found: list[Found] = []
    place, _, within = (cursor or f"{DUE}.").partition(".")
    names = list(lists)
    for name in names[names.index(place) if place in lists else 0 :]:
        chosen, by = lists[name]
        left = limit - len(found)
        part = page(
            reader.engine, query.where(chosen), (by, TASKS.c.task_id), limit=max(left, 1), cursor=within or None
        )
        if left == 0 and part.rows:
            return Page(found, f"{name}.")
        found += part.rows if left else []
        if part.next and left:
            return Page(found, f"{name}.{part.next}")
        within = ""
    return Page(found, None)


def tasks_of(reader: Reader, instance_id: str) -> list[Found]:
    """The newest human tasks of an instance."""
    return page(
        reader.engine,
        matching(TASKS, {"instance_id": instance_id}),
        (TASKS.c.created_at_ms, TASKS.c.task_id),
        limit=100,
        cursor=None,
        newest_first=True,
    ).rows


def by_status(reader: Reader, since_ms: int, until_ms: int) -> dict[tuple[str, str], int]:
    """How many instances that began in this time there are, by workflow and status."""
    started = INSTANCES.c.started_at_ms
    query = (
        select(INSTANCES.c.workflow, INSTANCES.c.status, func.count())
        .where(started >= since_ms, started < until_ms)
        .group_by(INSTANCES.c.workflow, INSTANCES.c.status)
    )
    with reader.engine.connect() as connection:
        return {(str(workflow), str(status)): int(count) for workflow, status, count in connection.execute(query)}


def open_by_workflow(reader: Reader) -> dict[tuple[str, str], int]:
    """How many instances have not ended, by workflow and status."""
    query = (
        select(INSTANCES.c.workflow, INSTANCES.c.status, func.count())
        .where(INSTANCES.c.status.in_(OPEN_STATUSES))
        .group_by(INSTANCES.c.workflow, INSTANCES.c.status)
    )
    with reader.engine.connect() as connection:
        return {(str(workflow), str(status)): int(count) for workflow, status, count in connection.execute(query)}


def begun_by_slot(reader: Reader, since_ms: int, slot_ms: int) -> dict[tuple[int, str], int]:
    """How many instances began in each stretch of time since then, by how they stand now."""
    number = (INSTANCES.c.started_at_ms - since_ms) // slot_ms
    query = (
        select(number, INSTANCES.c.status, func.count())
        .where(INSTANCES.c.started_at_ms >= since_ms)
        .group_by(number, INSTANCES.c.status)
    )
    with reader.engine.connect() as connection:
        return {(int(at), str(status)): int(count) for at, status, count in connection.execute(query)}


def durations(reader: Reader, since_ms: int) -> list[int]:
    """How long the newest completed instances took, at most `SAMPLE`."""
    query = (
        select(INSTANCES.c.updated_at_ms - INSTANCES.c.started_at_ms)
        .where(INSTANCES.c.status == Status.COMPLETED, INSTANCES.c.started_at_ms >= since_ms)
        .order_by(INSTANCES.c.started_at_ms.desc())
        .limit(SAMPLE)
    )
    with reader.engine.connect() as connection:
        return sorted(int(took) for took in connection.execute(query).scalars())


def asked_people(reader: Reader, since_ms: int) -> int:
    """How many instances of this time have completed and had a task for people."""
    query = (
        select(func.count(TASKS.c.instance_id.distinct()))
        .join(INSTANCES, INSTANCES.c.instance_id == TASKS.c.instance_id)
        .where(INSTANCES.c.status == Status.COMPLETED, INSTANCES.c.started_at_ms >= since_ms)
        .where(TASKS.c.created_at_ms >= since_ms - CLOCKS_MS)  # so that few tasks are looked at
    )
    with reader.engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def newest(reader: Reader, columns: Mapping[str, str], statuses: Sequence[str], limit: int) -> list[Found]:
    """The newest instances in one of these statuses: the newest of each, which an index gives at once."""
    parts = [part for each in statuses for part in _parts(reader, Wanted(columns={**columns, "status": each}))]
    return _page(reader, parts, limit, None).rows


def open_by_step(reader: Reader, graph: Graph) -> list[tuple[str, str, int]]:
    """How many instances of a definition wait for people, for a decision about a failed step, or for another try of
    one: pointer, status of the step, count."""
    found = []
    with reader.engine.connect() as connection:
        for table, status in ((TASKS, Status.WAITING), (INCIDENTS, Status.INCIDENT)):
            same = (INSTANCES.c.instance_id == table.c.instance_id) & (INSTANCES.c.digest == graph.digest)
            query = select(table.c.pointer, func.count()).join(INSTANCES, same)
            query = query.where(table.c.status == OPEN, table.c.workflow == storable(graph.name))
            rows = connection.execute(query.group_by(table.c.pointer))
            found += [(str(pointer), status.value, int(count)) for pointer, count in rows]
        same = (INSTANCES.c.instance_id == RETRIES.c.instance_id) & (INSTANCES.c.digest == graph.digest)
        query = select(RETRIES.c.pointer, func.count()).join(INSTANCES, same)
        query = query.where(RETRIES.c.status == literal_column(f"'{WAITING}'"), INSTANCES.c.status.in_(OPEN_STATUSES))
        rows = connection.execute(query.group_by(RETRIES.c.pointer))
        found += [(str(pointer), "retrying", int(count)) for pointer, count in rows]
    return found


def decisions_of(reader: Reader, model: str, *, limit: int, cursor: str | None) -> Page:
    """Decisions of a model, the newest first."""
    order = (DECISIONS.c.at_ms, DECISIONS.c.decision_id)
    query = matching(DECISIONS, {"model": model})
    return page(reader.engine, query, order, limit=limit, cursor=cursor, newest_first=True)


def routes(reader: Reader, since_ms: int) -> list[tuple[str, str, str, int]]:
    """How often each model chose each route since then: model, version, route, count."""
    columns = (DECISIONS.c.model, DECISIONS.c.model_version, DECISIONS.c.route)
    query = select(*columns, func.count()).where(DECISIONS.c.at_ms >= since_ms).group_by(*columns).order_by(*columns)
    with reader.engine.connect() as connection:
        return [(str(a), str(b), str(c), int(count)) for a, b, c, count in connection.execute(query)]


def scores(reader: Reader, model: str, since_ms: int) -> list[float]:
    """The newest scores of a model since then, at most `SAMPLE`."""
    query = (
        select(DECISIONS.c.score)
        .where(DECISIONS.c.model == storable(model), DECISIONS.c.at_ms >= since_ms)
        .order_by(DECISIONS.c.at_ms.desc())
        .limit(SAMPLE)
    )
    with reader.engine.connect() as connection:
        return [float(score) for score in connection.execute(query).scalars()]


def answers_after(reader: Reader, model: str, since_ms: int) -> list[Found]:
    """Tasks that people completed in instances that a model sent to them, the newest, at most `SAMPLE`."""
    sent = select(DECISIONS.c.instance_id).where(
        DECISIONS.c.model == storable(model), DECISIONS.c.route == "review", DECISIONS.c.at_ms >= since_ms
    )
    query = matching(TASKS, {"status": COMPLETED}).where(TASKS.c.instance_id.in_(sent))
    return every(reader.engine, query.order_by(TASKS.c.updated_at_ms.desc()).limit(SAMPLE))


def search(reader: Reader, text: str, limit: int) -> list[Found]:
    """Instances whose id or business key begins with a text, the newest first."""
    begins = storable(text)
    key = INSTANCES.c.business_key
    ways = [(key >= begins) & (key < begins + MAX_TEXT)]
    if len(text) >= 4 and all(char in "0123456789abcdef" for char in text):
        ways.append((INSTANCES.c.instance_id >= text) & (INSTANCES.c.instance_id < text + "g"))
    found: dict[str, Found] = {}
    for way in ways:  # one by one, so that each has its index
        for row in every(reader.engine, select(INSTANCES).where(way).limit(limit)):
            found[row["instance_id"]] = row
    return sorted(found.values(), key=lambda row: -row["started_at_ms"])[:limit]


def matching_ids(reader: Reader, wanted: Wanted, statuses: Sequence[str], limit: int) -> list[Found]:
    """The instances of a list in one of these statuses, the newest first: what an act on the list would touch."""
    query = _instances(wanted).where(INSTANCES.c.status.in_(statuses))
    return every(reader.engine, query.order_by(INSTANCES.c.started_at_ms.desc()).limit(limit))


def open_incidents(
    reader: Reader, wanted: Wanted, columns: Mapping[str, str], places: Sequence[Place] | None, limit: int
) -> list[Found]:
    """The failed steps that wait for a decision in the instances of a list, the oldest first; `columns` (pointer,
    reason) and `places` narrow them. Those that may have been done are among them only if that is the reason asked for.
    """
    ours = _instances(wanted).with_only_columns(INSTANCES.c.instance_id)
    query = matching(INCIDENTS, {"status": "open", **columns})
    if "reason" not in columns:
        query = query.where(_is_clear())
    if places is not None:
        query = query.where(at_places(INCIDENTS, places))
    if wanted.columns or wanted.key or wanted.also or wanted.since_ms is not None:
        same = ours.where(INSTANCES.c.instance_id == INCIDENTS.c.instance_id)
        query = query.where(same.exists())
    return every(reader.engine, query.order_by(INCIDENTS.c.opened_at_ms, INCIDENTS.c.incident_id).limit(limit))


def count_stopped(reader: Reader, places: Sequence[Place]) -> int:
    """How many failed steps wait for a decision at these tasks, and can be done again together."""
    query = select(func.count()).select_from(INCIDENTS).where(INCIDENTS.c.status == "open", _is_clear())
    with reader.engine.connect() as connection:
        return int(connection.execute(query.where(at_places(INCIDENTS, places))).scalar_one())


def _is_clear() -> ColumnElement[bool]:
    """Whether it is known that the step was not done, or that it was."""
    return INCIDENTS.c.reason.is_distinct_from(Reason.OUTCOME_UNKNOWN.value)


def standing_of(reader: Reader, ids: Sequence[str]) -> dict[str, Found]:
    """How instances stand now, and the keys of their cases, by id."""
    columns = (INSTANCES.c.instance_id, INSTANCES.c.status, INSTANCES.c.business_key)
    rows = every(reader.engine, select(*columns).where(INSTANCES.c.instance_id.in_(ids)))
    return {str(row["instance_id"]): row for row in rows}


def changed_tasks(reader: Reader, before_ms: int, limit: int) -> list[Found]:
    """The tasks that changed last before a time; behind them those that changed then and after, as long as they are
    older: something may have been done to them before, too."""
    at = TASKS.c.updated_at_ms
    last = every(reader.engine, select(TASKS).where(at < before_ms).order_by(at.desc()).limit(limit))
    again = select(TASKS).where(at >= before_ms, TASKS.c.created_at_ms < before_ms).order_by(at).limit(SPANNING)
    return [*last, *every(reader.engine, again)]


def decided_incidents(reader: Reader, before_ms: int, limit: int) -> list[Found]:
    """The incidents about which somebody decided last before a time, the newest first."""
    at = INCIDENTS.c.closed_at_ms
    query = select(INCIDENTS).where(INCIDENTS.c.actor.is_not(None), at < before_ms)
    return every(reader.engine, query.order_by(at.desc()).limit(limit))


def acts(reader: Reader, before_ms: int, limit: int) -> list[Found]:
    """What people did about instances before a time, beside cancelling them, the newest first."""
    return every(reader.engine, select(ACTS).where(ACTS.c.at_ms < before_ms).order_by(ACTS.c.at_ms.desc()).limit(limit))


def redeliveries(reader: Reader, before_ms: int, limit: int) -> list[Found]:
    """Webhooks that somebody has had sent once more, the newest first."""
    query = select(REDELIVERIES).where(REDELIVERIES.c.at_ms < before_ms)
    return every(reader.engine, query.order_by(REDELIVERIES.c.at_ms.desc()).limit(limit))


def redeliveries_of(reader: Reader, instance_id: str) -> list[Found]:
    """Webhooks of an instance that somebody has had sent once more, the newest 100."""
    query = matching(REDELIVERIES, {"instance_id": instance_id})
    return every(reader.engine, query.order_by(REDELIVERIES.c.at_ms.desc()).limit(100))


def replays_begun(reader: Reader, before_ms: int, limit: int) -> list[Found]:
    """The replays that were started last before a time, the newest first."""
    at = REPLAYS.c.started_at_ms
    return every(reader.engine, select(REPLAYS).where(at < before_ms).order_by(at.desc()).limit(limit))


def stopped(reader: Reader, limit: int) -> list[Found]:
    """The oldest incidents that wait for a decision, without their messages."""
    columns = [column for column in INCIDENTS.c if column is not INCIDENTS.c.message]
    query = select(*columns).where(INCIDENTS.c.status == "open")
    return every(reader.engine, query.order_by(INCIDENTS.c.opened_at_ms, INCIDENTS.c.incident_id).limit(limit))


def decided_of(reader: Reader, instance_id: str) -> list[Found]:
    """The incidents of an instance about which somebody has decided, the newest 100."""
    query = matching(INCIDENTS, {"instance_id": instance_id}).where(INCIDENTS.c.actor.is_not(None))
    return every(reader.engine, query.order_by(INCIDENTS.c.closed_at_ms.desc()).limit(100))


def cancelled(reader: Reader, before_ms: int, limit: int) -> list[Found]:
    """The instances that were cancelled last before a time, the newest first."""
    at = INSTANCES.c.updated_at_ms
    query = select(INSTANCES).where(INSTANCES.c.status == literal_column("'cancelled'"), at < before_ms)
    return every(reader.engine, query.order_by(at.desc()).limit(limit))

"""Questions about replays to the read model. Everything here blocks: ask from a thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, and_, false, func, or_, select

from streams.processors.replay.report import changed_routes, reported
from streams.processors.replay.rows import REPLAYS, RESULTS
from streams.readmodel.paging import Found, Page, every, matching, page
from streams.readmodel.projection import storable

_SAME = ("before", "after", "before_routes", "after_routes", "same_output", "stopped_at")
_SUMMED = (
    "before_calls", "after_calls", "before_people", "after_people", "assumed", "real", "before_ms", "after_ms",
    "before_cost", "after_cost",
)  # fmt: skip
MAX_GROUPS = 20_000


def replays(engine: Engine, filters: Mapping[str, str], *, limit: int, cursor: str | None) -> Page:
    """Replays, the newest first."""
    order = (REPLAYS.c.started_at_ms, REPLAYS.c.name)
    return page(engine, matching(REPLAYS, filters), order, limit=limit, cursor=cursor, newest_first=True)


def replay(engine: Engine, name: str) -> Found | None:
    """One of them."""
    return next(iter(every(engine, select(REPLAYS).where(REPLAYS.c.name == storable(name)))), None)


def report(engine: Engine, name: str) -> dict[str, Any]:
    """See `reported`."""
    return reported(_groups(engine, name))


def results(
    engine: Engine, name: str, cell: Mapping[str, str], *, changed: bool, limit: int, cursor: str | None
) -> Page:
    """The results behind a cell of the report, in the order of their events: `before` and `after`, of a `task` or of
    the outcome; of all that changed, or of all."""
    query = select(RESULTS).where(RESULTS.c.replay == storable(name))
    if "task" in cell:
        query = query.where(_of_routes(engine, name, cell))
    else:
        query = query.where(*(RESULTS.c[each] == storable(value) for each, value in cell.items()))
    if changed:
        before, after = RESULTS.c.before != RESULTS.c.after, RESULTS.c.before_routes != RESULTS.c.after_routes
        query = query.where(or_(before, after, RESULTS.c.same_output.is_(False)))
    return page(engine, query, (RESULTS.c.time_ms, RESULTS.c.instance_id), limit=limit, cursor=cursor)


def _of_routes(engine: Engine, name: str, cell: Mapping[str, str]) -> Any:
    wanted = []
    for group in _groups(engine, name):
        found = [each for each in changed_routes(group) if each[0] == cell["task"]]
        fits = [
            each for each in found
            if each[1] == cell.get("before", each[1]) and each[2] == cell.get("after", each[2])
        ]  # fmt: skip
        if fits:
            names = ("before", "after", "before_routes", "after_routes")
            wanted.append(and_(*(RESULTS.c[each] == group[each] for each in names)))
    return or_(false(), *wanted[:500])


def _groups(engine: Engine, name: str) -> list[Found]:
    same = [RESULTS.c[each] for each in _SAME]
    sums = [func.sum(RESULTS.c[each]).label(each) for each in _SUMMED]
    query = select(*same, *sums, func.count().label("number")).where(RESULTS.c.replay == storable(name))
    return every(engine, query.group_by(*same).limit(MAX_GROUPS))

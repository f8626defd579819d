"""`/incidents`: what waits for a decision and what failed, grouped by its cause, the most frequent first.

Step, title and reason of the problem make a cause. Each group leads to its instances, and what waits can be done again
all at once, with a preview of exactly what that touches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas.lifecycle import Status
from streams.console import queries, words
from streams.console.account import title_of
from streams.console.page import Page, View, Visit
from streams.readmodel.paging import Found

NEWEST = 500  # failed instances that are looked at
SHOWN = 20  # of a group


@dataclass
class Cause:
    """Instances that failed, or stopped, for the same reason."""

    workflow: str
    step: str
    title: str
    reason: str
    effect: str
    first_ms: int
    last_ms: int
    count: int = 0
    pointer: str = ""  # of the task, where it waits for a decision
    by_hour: list[int] = field(default_factory=lambda: [0] * 24)
    instances: list[Found] = field(default_factory=list)


async def show(visit: Visit) -> View:
    """The causes of the newest failures."""
    reader, titles = visit.services.reader, titles_of(visit)
    waiting = await asyncio.to_thread(queries.stopped, reader, NEWEST)
    stopped: dict[tuple[str, ...], Cause] = {}
    for row in waiting:
        cause = _cause(stopped, titles, row, row["error"], row["pointer"], row["opened_at_ms"])
        cause.pointer = row["pointer"]
        shown = {name: row[name] for name in ("instance_id", "business_key")}
        _count(visit, cause, {**shown, "updated_at_ms": row["opened_at_ms"]})
    rows = await asyncio.to_thread(queries.newest, reader, {}, (Status.FAULTED,), NEWEST)
    causes: dict[tuple[str, ...], Cause] = {}
    for row in rows:
        _count(visit, _cause(causes, titles, row, row["error"], "", row["updated_at_ms"]), row)
    data = {
        "stopped": _ordered(stopped),
        "causes": _ordered(causes),
        "open": await asyncio.to_thread(reader.count_incidents),
        "looked_at": len(rows),
        "newest": NEWEST,
    }
    return View(template="incidents.html", data=data)


def _ordered(causes: Mapping[Any, Cause]) -> list[Cause]:
    return sorted(causes.values(), key=lambda each: (-each.count, -each.last_ms))


def titles_of(visit: Visit) -> dict[tuple[str, str, str], str]:
    """What tasks are called, by workflow, version and pointer."""
    return {
        (each.name, each.version, task.pointer): title_of(task)
        for each in visit.services.definitions.deployed()
        if each.graph is not None
        for task in each.graph.tasks
    }


def _cause(
    causes: dict[tuple[str, ...], Cause],
    titles: Mapping[tuple[str, str, str], str],
    row: Found,
    error: Any,
    pointer: str,
    at_ms: int,
) -> Cause:
    """The cause of a failure, by what its row tells of the problem."""
    problem = (orjson.loads(error) if isinstance(error, str) else error) or {}
    place = pointer or str(problem.get("instance") or "")
    step = titles.get((row["workflow"], row["version"], place)) or words.titled(place.rpartition("/")[2])
    key = (row["workflow"], step, str(problem.get("title") or ""), str(problem.get("reason") or ""))
    if (cause := causes.get((*key, pointer))) is None:
        effect = str(problem.get("effect") or "")
        cause = causes[*key, pointer] = Cause(*key, effect=effect, first_ms=at_ms, last_ms=at_ms)
    return cause


def _count(visit: Visit, cause: Cause, shown: Found) -> None:
    at = shown["updated_at_ms"]
    cause.count += 1
    cause.first_ms, cause.last_ms = min(cause.first_ms, at), max(cause.last_ms, at)
    hour = (visit.now_ms - at) // 3_600_000
    if 0 <= hour < 24:
        cause.by_hour[23 - hour] += 1
    if len(cause.instances) < SHOWN:
        cause.instances.append(shown)


PAGES = (Page(path="/incidents", show=show, section="/incidents", live=True),)

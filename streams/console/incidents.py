"""`/incidents`: what waits for a decision and what failed, grouped by its cause, the most frequent first.

Step, title and reason of the problem make a cause. Each group leads to its instances, and what waits can be done again
all at once, with a preview of exactly what that touches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.lifecycle import Phase
from streams.console import history, queries
from streams.console.account import account, as_object, title_of
from streams.console.page import Page, View, Visit
from streams.console.story import failed_step
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
    stopped: dict[tuple[str, ...], Cause] = {}
    page = await asyncio.to_thread(visit.services.reader.incidents, {"status": "open"}, limit=NEWEST)
    for row in page.rows:
        await _add_stopped(visit, stopped, row)
    rows = await asyncio.to_thread(queries.last_entries, visit.services.reader, NEWEST)
    causes: dict[tuple[str, ...], Cause] = {}
    for row in rows:
        await _add(visit, causes, row)
    data = {
        "stopped": _ordered(stopped),
        "causes": _ordered(causes),
        "open": await asyncio.to_thread(visit.services.reader.count_incidents),
        "looked_at": len(rows),
        "newest": NEWEST,
    }
    return View(template="incidents.html", data=data)


def _ordered(causes: Mapping[Any, Cause]) -> list[Cause]:
    return sorted(causes.values(), key=lambda each: (-each.count, -each.last_ms))


async def _add_stopped(visit: Visit, causes: dict[tuple[str, ...], Cause], row: Found) -> None:
    _, incident = await visit.services.codec.decode_learning(row["message"])
    graph, pointer = visit.services.definitions.graph(incident["digest"]), incident["pointer"]
    titles = {task.pointer: title_of(task) for task in graph.tasks} if graph else {}
    error, at = incident["error"], incident["opened_at_ms"]
    key = (incident["workflow"], titles.get(pointer, pointer), str(error["title"]), incident["reason"] or "")
    cause = causes.setdefault(
        (*key, pointer), Cause(*key, effect=str(error.get("effect") or ""), first_ms=at, last_ms=at, pointer=pointer)
    )
    shown = {name: incident[name] for name in ("instance_id", "business_key")} | {"updated_at_ms": at}
    _count(visit, cause, shown)


async def _add(visit: Visit, causes: dict[tuple[str, ...], Cause], row: Found) -> None:
    entry = await history.entry(visit.services.codec, row["message"])
    told = account([entry], visit.services.definitions.graph(row["digest"]))
    problem = told.problem or _problem(entry.transitions)
    step = failed_step(told)
    title = step.title if step else ""
    key = (row["workflow"], title, str(problem.get("title", "")), str(problem.get("reason", "")))
    cause = causes.get(key)
    if cause is None:
        effect, at = str(problem.get("effect", "")), row["updated_at_ms"]
        cause = causes[key] = Cause(*key, effect=effect, first_ms=at, last_ms=at)
    _count(visit, cause, {name: value for name, value in row.items() if name != "message"})


def _count(visit: Visit, cause: Cause, shown: Found) -> None:
    at = shown["updated_at_ms"]
    cause.count += 1
    cause.first_ms, cause.last_ms = min(cause.first_ms, at), max(cause.last_ms, at)
    hour = (visit.now_ms - at) // 3_600_000
    if 0 <= hour < 24:
        cause.by_hour[23 - hour] += 1
    if len(cause.instances) < SHOWN:
        cause.instances.append(shown)


def _problem(transitions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    faulted = [each["data"] for each in transitions if each["phase"] == Phase.TASK_FAULTED]
    return (as_object(faulted[-1]) if faulted else None) or {}


PAGES = (Page(path="/incidents", show=show, section="/incidents", live=True),)

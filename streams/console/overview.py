"""`/`: what runs, waits and failed, what wants somebody's eye first, and what changed since yesterday."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from schemas.lifecycle import OPEN, Status
from schemas.times import rfc3339
from streams.console import charts, queries, words
from streams.console.page import Page, View, Visit
from streams.gateway import systems as systems_known
from streams.ground.spans import percentile

HOURS = 24


async def show(visit: Visit) -> View:
    """The first page."""
    reader, now = visit.services.reader, visit.now_ms
    day = now - words.DAY
    standing = await asyncio.to_thread(queries.open_by_workflow, reader)
    today = await asyncio.to_thread(queries.by_status, reader, day, now + 1)
    before = await asyncio.to_thread(queries.by_status, reader, day - words.DAY, day)
    oldest = await asyncio.to_thread(reader.oldest)
    is_open, overdue = await asyncio.to_thread(reader.open_tasks, now)
    took = await asyncio.to_thread(queries.durations, reader, day)
    completed, alone = await asyncio.to_thread(queries.without_people, reader, day)
    failed = await asyncio.to_thread(queries.newest, reader, {}, (Status.INCIDENT, Status.FAULTED), 6)
    broken = [each for each in visit.services.definitions.deployed() if each.fault is not None]
    systems = [systems_known.shown(visit.services, name) for name in systems_known.names(visit.services)]
    data = {
        "unwell": [each for each in systems if each["paused"] or each["seen"]["breaker"] == "open"],
        "alerts": sum((await asyncio.to_thread(reader.alerts_open)).values()),
        "running": _sum(standing, Status.RUNNING, Status.PENDING, Status.UNDOING),
        "waiting": _sum(standing, Status.WAITING),
        "suspended": _sum(standing, Status.SUSPENDED),
        "failed": _sum(today, Status.FAULTED),
        "failed_before": _sum(before, Status.FAULTED),
        "begun": sum(today.values()),
        "begun_before": sum(before.values()),
        "completed": completed,
        "without_people": alone,
        "median_ms": percentile(took, 50),
        "slow_ms": percentile(took, 95),
        "stopped": await asyncio.to_thread(reader.count_incidents),
        "tasks_open": is_open,
        "tasks_overdue": overdue,
        "oldest": [{"workflow": name, "started_at_ms": at} for name, at in sorted(oldest.items(), key=lambda x: x[1])],
        "broken": [{"name": each.name, "version": each.version, "fault": each.fault} for each in broken],
        "newest_failed": failed,
        "workflows": _workflows(standing, today),
    }
    return View(template="overview.html", data=data, drawn={"begun_chart": await _chart(visit)})


def _sum(counts: Mapping[tuple[str, str], int], *statuses: str) -> int:
    return sum(count for (_, status), count in counts.items() if status in statuses)


def _workflows(standing: Mapping[tuple[str, str], int], today: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    names = sorted({name for name, _ in (*standing, *today)})
    return [
        {
            "name": name,
            **{status.value: standing.get((name, status), 0) for status in OPEN},
            **{status.value: today.get((name, status), 0) for status in (Status.COMPLETED, Status.FAULTED)},
        }
        for name in names
    ]


async def _chart(visit: Visit) -> Any:
    """The last day, hour by hour; the last column is the hour that runs."""
    end = (visit.now_ms // words.HOUR + 1) * words.HOUR
    since = end - HOURS * words.HOUR
    counts = await asyncio.to_thread(queries.begun_by_slot, visit.services.reader, since, words.HOUR)
    slots: list[dict[str, int]] = [{} for _ in range(HOURS)]
    for (slot, status), count in counts.items():
        if 0 <= slot < HOURS:
            slots[slot][status] = count
    names = [rfc3339(since + slot * words.HOUR)[11:16] for slot in range(HOURS)]
    return charts.columns(slots, [f"{name} UTC" for name in names], "Instances begun, hour by hour")


PAGES = (Page(path="/", show=show, section="/", live=True),)

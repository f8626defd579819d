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
from streams.processors.view.reader import Reader

HOURS = 24
Slots = Mapping[tuple[int, str], int]  # by hour and status


async def show(visit: Visit) -> View:
    """The first page."""
    broken = [each for each in visit.services.definitions.deployed() if each.fault is not None]
    systems = [systems_known.shown(visit.services, name) for name in systems_known.names(visit.services)]
    figures, slots = await asyncio.to_thread(_figures, visit.services.reader, visit.now_ms)
    data = {
        "unwell": [each for each in systems if each["paused"] or each["seen"]["breaker"] == "open"],
        "broken": [{"name": each.name, "version": each.version, "fault": each.fault} for each in broken],
        **figures,
    }
    return View(template="overview.html", data=data, drawn={"begun_chart": _chart(visit.now_ms, slots)})


def _figures(reader: Reader, now: int) -> tuple[dict[str, Any], Slots]:
    """What the read model tells, and how many have begun in each of the last hours. Blocks."""
    day = now - words.DAY
    standing = queries.open_by_workflow(reader)
    today, before = queries.by_status(reader, day, now + 1), queries.by_status(reader, day - words.DAY, day)
    is_open, overdue = reader.open_tasks(now)
    took = queries.durations(reader, day)
    completed = _sum(today, Status.COMPLETED)
    figures = {
        "alerts": sum(reader.alerts_open().values()),
        "running": _sum(standing, Status.RUNNING, Status.PENDING, Status.UNDOING),
        "waiting": _sum(standing, Status.WAITING),
        "suspended": _sum(standing, Status.SUSPENDED),
        "failed": _sum(today, Status.FAULTED),
        "failed_before": _sum(before, Status.FAULTED),
        "begun": sum(today.values()),
        "begun_before": sum(before.values()),
        "completed": completed,
        "without_people": max(0, completed - queries.asked_people(reader, day)),
        "median_ms": percentile(took, 50),
        "slow_ms": percentile(took, 95),
        "stopped": reader.count_incidents(),
        "tasks_open": is_open,
        "tasks_overdue": overdue,
        "oldest": [
            {"workflow": name, "started_at_ms": at} for name, at in sorted(reader.oldest().items(), key=lambda x: x[1])
        ],
        "newest_failed": queries.newest(reader, {}, (Status.INCIDENT, Status.FAULTED), 6),
        "workflows": _workflows(standing, today),
    }
    return figures, queries.begun_by_slot(reader, _first_hour(now), words.HOUR)


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


def _first_hour(now: int) -> int:
    return (now // words.HOUR + 1 - HOURS) * words.HOUR


def _chart(now: int, counts: Slots) -> Any:
    """The last day, hour by hour; the last column is the hour that runs."""
    since = _first_hour(now)
    slots: list[dict[str, int]] = [{} for _ in range(HOURS)]
    for (slot, status), count in counts.items():
        if 0 <= slot < HOURS:
            slots[slot][status] = count
    names = [rfc3339(since + slot * words.HOUR)[11:16] for slot in range(HOURS)]
    return charts.columns(slots, [f"{name} UTC" for name in names], "Instances begun, hour by hour")


PAGES = (Page(path="/", show=show, section="/", live=True),)

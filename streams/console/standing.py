"""Where the instances of a workflow stand, and where its time goes: told from the histories of the newest of them.

What waits for people or for another try, and what has stopped, is counted whole, by the rows that it has.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiohttp import web

from schemas.lifecycle import OPEN, Status
from streams.console import history, queries
from streams.console.account import Account, Entry, account, retrying
from streams.console.page import Visit
from streams.console.story import failed_step
from streams.language.graph import Graph
from streams.processors.orchestrate.spent import Spent, spent
from streams.processors.view.bottlenecks import Remembered, Totals
from streams.readmodel.paging import Found

NEWEST = 150  # instances of each kind that are looked at
MOST_ENTRIES = 6_000


@dataclass
class Standing:
    """What the newest instances of a version tell."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)  # by pointer, then status
    failures: list[tuple[str, str, int]] = field(default_factory=list)  # step, title of the problem, how often
    looked_at: int = 0
    totals: Totals = field(default_factory=Totals)  # where the time of all of them has gone


class _Told(NamedTuple):
    """What one instance adds to it."""

    standing: tuple[tuple[str, str], ...] = ()  # pointers of steps, and how each stands
    failure: tuple[str, str] | None = None  # the step by which it ended, and the title of the problem
    spent: Spent | None = None  # None where its history was not read to its end


REMEMBERED: Final = web.AppKey("remembered", Remembered[_Told])


async def standing(visit: Visit, graph: Graph, newest: int = NEWEST) -> Standing:
    """Counts by step of open and failed instances, and times by step of completed ones; the newest of each are looked
    at."""
    kinds: Sequence[tuple[str, ...]] = (OPEN, (Status.FAULTED,), (Status.COMPLETED,))
    found: list[Found] = []
    for statuses in kinds:
        columns = {"digest": graph.digest, "workflow": graph.name}
        found += await asyncio.to_thread(queries.newest, visit.services.reader, columns, statuses, newest)
    each_told = await _each_told(visit, graph, found)
    told = Standing(looked_at=len(each_told))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    failures: Counter[tuple[str, str]] = Counter()
    for each in each_told:
        for pointer, status in each.standing:
            counts[pointer][status] += 1
        if each.failure is not None:
            failures[each.failure] += 1
        if each.spent is not None:
            told.totals.add(each.spent)
    for pointer, status, count in await asyncio.to_thread(queries.open_by_step, visit.services.reader, graph):
        counts[pointer][status] += count
    told.counts = {pointer: dict(count) for pointer, count in counts.items()}
    told.failures = [(step, title, count) for (step, title), count in failures.most_common(8)]
    return told


async def _each_told(visit: Visit, graph: Graph, rows: Sequence[Found]) -> list[_Told]:
    """Of those that have a history here. What has ended is remembered."""
    remembered = visit.request.app[REMEMBERED]
    known = [remembered.get(row) for row in rows]
    ids = [row["instance_id"] for row, each in zip(rows, known, strict=True) if each is None]
    entries: dict[str, list[Any]] = defaultdict(list)
    for row in await asyncio.to_thread(visit.services.reader.histories, ids, MOST_ENTRIES) if ids else ():
        entries[row["instance_id"]].append(await history.entry(visit.services.codec, row["message"]))
    again: dict[str, list[Found]] = defaultdict(list)
    for waiting in await asyncio.to_thread(visit.services.reader.retrying, ids) if ids else ():
        again[waiting["instance_id"]].append(waiting)
    found = []
    for row, each in zip(rows, known, strict=True):
        if each is None and (some := entries[row["instance_id"]]):
            story = account(some, graph)
            retrying(story, again[row["instance_id"]])
            each = _told(row["status"], story, _spent(row, some, graph, visit.now_ms))
            if each.spent is not None:
                remembered.keep(row, each, len(each.spent.spells))
        if each is not None:
            found.append(each)
    return found


def _told(status: str, story: Account, time: Spent | None) -> _Told:
    if status == Status.FAULTED:
        failed = failed_step(story)
        at = () if failed is None else ((failed.pointer, "faulted"),)
        return _Told(at, (failed.title if failed else "", str((story.problem or {}).get("title", ""))), time)
    if status not in OPEN:
        return _Told(spent=time)
    # What waits for people, a decision or another try is counted whole.
    steps = [step for step in story.open() if step.kind != "human" and step.next_try is None]
    return _Told(tuple((step.pointer, "waiting" if step.idle else "running") for step in steps), None, time)


def _spent(row: Found, entries: Sequence[Entry], graph: Graph, now_ms: int) -> Spent | None:
    """The time of an instance; None where its history was not read to its end."""
    whole = entries[0].seq == 0 and entries[-1].seq >= row["seq"]
    return spent(history.facts(entries), graph, now_ms) if whole else None

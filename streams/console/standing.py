"""Where the instances of a workflow stand, and where its time goes: told from the histories of the newest of them.

What waits for people or for another try, and what has stopped, is counted whole, by the rows that it has.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.lifecycle import OPEN, Status
from streams.console import history, queries
from streams.console.account import Account, Entry, account, retrying
from streams.console.page import Visit
from streams.console.story import failed_step
from streams.language.graph import Graph
from streams.processors.orchestrate.spent import Spent, spent
from streams.processors.view.bottlenecks import Totals
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


async def standing(visit: Visit, graph: Graph, newest: int = NEWEST) -> Standing:
    """Counts by step of open and failed instances, and times by step of completed ones; the newest of each are looked
    at."""
    kinds: Sequence[tuple[str, ...]] = (OPEN, (Status.FAULTED,), (Status.COMPLETED,))
    found: list[Found] = []
    for statuses in kinds:
        columns = {"digest": graph.digest, "workflow": graph.name}
        found += await asyncio.to_thread(queries.newest, visit.services.reader, columns, statuses, newest)
    accounts = await _accounts(visit, graph, found)
    told = Standing(looked_at=len(accounts))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    failures: Counter[tuple[str, str]] = Counter()
    for row, each, time in accounts:
        _count(row["status"], each, counts, failures)
        if time is not None:
            told.totals.add(time)
    for pointer, status, count in await asyncio.to_thread(queries.open_by_step, visit.services.reader, graph):
        counts[pointer][status] += count
    told.counts = {pointer: dict(count) for pointer, count in counts.items()}
    told.failures = [(step, title, count) for (step, title), count in failures.most_common(8)]
    return told


def _count(
    status: str,
    told: Account,
    counts: Mapping[str, Counter[str]],
    failures: Counter[tuple[str, str]],
) -> None:
    if status == Status.FAULTED:
        failed = failed_step(told)
        if failed is not None:
            counts[failed.pointer]["faulted"] += 1
        failures[failed.title if failed else "", str((told.problem or {}).get("title", ""))] += 1
    elif status in OPEN:
        for step in told.open():  # what waits for people, a decision or another try is counted whole
            if step.kind != "human" and step.next_try is None:
                counts[step.pointer]["waiting" if step.idle else "running"] += 1


async def _accounts(visit: Visit, graph: Graph, rows: Sequence[Found]) -> list[tuple[Found, Account, Spent | None]]:
    ids = [row["instance_id"] for row in rows]
    entries: dict[str, list[Any]] = defaultdict(list)
    for row in await asyncio.to_thread(visit.services.reader.histories, ids, MOST_ENTRIES) if ids else ():
        entries[row["instance_id"]].append(await history.entry(visit.services.codec, row["message"]))
    found = [(row, entries[row["instance_id"]]) for row in rows if entries[row["instance_id"]]]
    told = [(row, account(some, graph), _spent(row, some, graph, visit.now_ms)) for row, some in found]
    again: dict[str, list[Found]] = defaultdict(list)
    for each in await asyncio.to_thread(visit.services.reader.retrying, ids) if ids else ():
        again[each["instance_id"]].append(each)
    for row, story, _ in told:
        retrying(story, again[row["instance_id"]])
    return told


def _spent(row: Found, entries: Sequence[Entry], graph: Graph, now_ms: int) -> Spent | None:
    """The time of an instance; None where its history was not read to its end."""
    whole = entries[0].seq == 0 and entries[-1].seq >= row["seq"]
    return spent(history.facts(entries), graph, now_ms) if whole else None

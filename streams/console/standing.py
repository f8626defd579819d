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
from streams.console.account import HOLDERS, Account, account, retrying
from streams.console.page import Visit
from streams.console.story import failed_step
from streams.language.graph import Graph
from streams.readmodel.paging import Found

NEWEST = 150  # instances of each kind that are looked at
MOST_ENTRIES = 6_000


@dataclass
class Standing:
    """What the newest instances of a version tell."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)  # by pointer, then status
    times: dict[str, list[int]] = field(default_factory=dict)  # milliseconds, by pointer; of those that ended
    failures: list[tuple[str, str, int]] = field(default_factory=list)  # step, title of the problem, how often
    looked_at: int = 0


async def standing(visit: Visit, graph: Graph) -> Standing:
    """Counts by step of open and failed instances, and times by step of completed ones."""
    kinds: Sequence[tuple[str, ...]] = (OPEN, (Status.FAULTED,), (Status.COMPLETED,))
    found: list[Found] = []
    for statuses in kinds:
        columns = {"digest": graph.digest, "workflow": graph.name}
        found += await asyncio.to_thread(queries.newest, visit.services.reader, columns, statuses, NEWEST)
    accounts = await _accounts(visit, graph, found)
    told = Standing(looked_at=len(accounts))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    failures: Counter[tuple[str, str]] = Counter()
    for row, each in accounts:
        _count(row["status"], each, counts, failures, told.times)
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
    times: dict[str, list[int]],
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
    else:
        for step in told.steps:
            if step.status == Status.COMPLETED and step.kind not in (*HOLDERS, "switch", "set"):
                times.setdefault(step.pointer, []).append(step.took_ms(step.started_ms))


async def _accounts(visit: Visit, graph: Graph, rows: Sequence[Found]) -> list[tuple[Found, Account]]:
    ids = [row["instance_id"] for row in rows]
    entries: dict[str, list[Any]] = defaultdict(list)
    for row in await asyncio.to_thread(queries.histories, visit.services.reader, ids, MOST_ENTRIES) if ids else ():
        entries[row["instance_id"]].append(await history.entry(visit.services.codec, row["message"]))
    found = [(row, account(entries[row["instance_id"]], graph)) for row in rows if entries[row["instance_id"]]]
    again: dict[str, list[Found]] = defaultdict(list)
    for row in await asyncio.to_thread(visit.services.reader.retrying, ids) if ids else ():
        again[row["instance_id"]].append(row)
    for row, told in found:
        retrying(told, again[row["instance_id"]])
    return found

"""Where the time of a workflow's instances goes: by step and by what is waited for, from the histories of the newest.

The parts of each version add up to the lives of its instances. What people ask for is bounded: so many instances, so
many entries; the answer says how many there are and how many were looked at.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from schemas.codec import Codec
from schemas.lifecycle import OPEN
from streams.ground.spans import percentile
from streams.language.constructs.call import Call
from streams.language.graph import Graph
from streams.processors.costs import NOTHING, Prices
from streams.processors.orchestrate import retrace
from streams.processors.orchestrate.spent import Spent, spent
from streams.processors.orchestrate.ways import Way
from streams.processors.view.reader import Reader
from streams.readmodel.paging import Found

MOST_ENTRIES = 20_000  # history entries that are looked at
AT_ONCE = 1_000  # of them that are in memory
MOST_REMEMBERED = 5_000  # instances that have ended, each of
LARGEST_REMEMBERED = 100  # times that a step was entered
Graphs = Callable[[str], Graph | None]  # by digest
Price = Callable[[str, str], float]  # by pointer and function
T = TypeVar("T")


def free(_pointer: str, _function: str) -> float:
    """Where nothing is known to cost anything."""
    return 0.0


@dataclass(slots=True)
class OfStep:
    """What a step has taken of the time of instances, in milliseconds."""

    by_way: dict[Way, float] = field(default_factory=lambda: defaultdict(float))
    times: list[int] = field(default_factory=list)  # how long it took, each time that it ended
    is_open: int = 0  # times that it has not ended
    cost: float = 0.0
    tries: int = 0  # of its call, each

    @property
    def total_ms(self) -> float:
        """All of it."""
        return sum(self.by_way.values())


@dataclass(slots=True)
class Totals:
    """The time of some instances of one version."""

    instances: int = 0
    elapsed_ms: int = 0
    steps: dict[str, OfStep] = field(default_factory=lambda: defaultdict(OfStep))  # by pointer; "" is between steps

    def add(self, each: Spent, price: Price = free) -> None:
        """One more instance; `price` says what a try of a step costs."""
        self.instances += 1
        self.elapsed_ms += each.elapsed_ms
        for (pointer, way), took_ms in each.shares.items():
            self.steps[pointer].by_way[way] += took_ms
        for spell in each.spells:
            step = self.steps[spell.pointer]
            step.tries += len(spell.asked)
            step.cost += sum(price(spell.pointer, function) for function in spell.asked)
            if spell.ended_ms is None:
                step.is_open += 1
            else:
                step.times.append(spell.ended_ms - spell.started_ms)

    @property
    def cost(self) -> float:
        """Of all of them."""
        return sum(step.cost for step in self.steps.values())

    def by_way(self) -> dict[Way, float]:
        """All steps together."""
        found: dict[Way, float] = defaultdict(float)
        for step in self.steps.values():
            for way, took_ms in step.by_way.items():
                found[way] += took_ms
        return found


class Remembered(Generic[T]):
    """What was told of instances that have ended: a history with its last entry says the same for ever.

    Those that nobody has asked for longest are forgotten first.
    """

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, int], T] = OrderedDict()

    def get(self, row: Found) -> T | None:
        """What is remembered of the instance of a row."""
        key = row["instance_id"], row["seq"]
        if (found := self._found.get(key)) is not None:
            self._found.move_to_end(key)
        return found

    def keep(self, row: Found, each: T, size: int) -> None:
        """Notes it, if nothing more will come of the instance, and it is not too large: `size` are its spells."""
        if row["status"] not in OPEN and size <= LARGEST_REMEMBERED:
            self._found[row["instance_id"], row["seq"]] = each
            if len(self._found) > MOST_REMEMBERED:
                self._found.popitem(last=False)


@dataclass(slots=True)
class Answer:
    """What was found."""

    versions: dict[str, Totals] = field(default_factory=dict)  # by digest
    matching: int = 0  # instances that were asked for
    looked_at: int = 0


async def bottlenecks(
    reader: Reader,
    codec: Codec,
    graphs: Graphs,
    filters: dict[str, str],
    since_ms: int | None,
    most: int,
    now_ms: int,
    prices: Prices = NOTHING,
    remembered: Remembered[Spent] | None = None,
) -> Answer:
    """The time of the newest instances, at most so many; `filters` are columns and their values.

    Left out are those whose definition is not known, and whose history is not whole or too long.
    """
    page = await asyncio.to_thread(partial(reader.instances, filters, since_ms=since_ms, limit=most))
    answer = Answer(matching=await asyncio.to_thread(reader.count, filters, since_ms))
    remembered = remembered or Remembered[Spent]()
    price_of: dict[str, Price] = {}  # by digest
    for some in _portions(page.rows):
        known = [remembered.get(row) for row in some]
        missing = [row["instance_id"] for row, each in zip(some, known, strict=True) if each is None]
        found: dict[str, list[bytes]] = defaultdict(list)
        for entry in await asyncio.to_thread(reader.histories, missing, AT_ONCE) if missing else ():
            found[entry["instance_id"]].append(entry["message"])
        for row, each in zip(some, known, strict=True):
            if (graph := graphs(row["digest"])) is None:
                continue
            if each is None:
                entries = await retrace.decoded(codec, found[row["instance_id"]])
                await asyncio.sleep(0)  # others want to be served, too
                if not entries or entries[0][0]["seq"] != 0:
                    continue
                each = spent(entries, graph, now_ms)
                remembered.keep(row, each, len(each.spells))
            if row["digest"] not in price_of:
                price_of[row["digest"]] = priced(graph, prices)
            answer.versions.setdefault(row["digest"], Totals()).add(each, price_of[row["digest"]])
            answer.looked_at += 1
    return answer


def priced(graph: Graph, prices: Prices) -> Price:
    """What a try of a step costs, by what its definition asks: nothing where data says whom."""
    tasks = {task.pointer: task.document for task in graph.tasks if isinstance(task, Call)}

    def price(pointer: str, function: str) -> float:
        task = tasks.get(pointer, {})
        recovery = (task.get("metadata") or {}).get("recovery") or {}
        targets = (task, *recovery.get("fallback", ()))
        asked = next((each.get("with") for each in targets if each.get("call") == function), task.get("with"))
        return prices.of(function, asked)

    return price


def _portions(rows: Sequence[Found]) -> Iterator[list[Found]]:
    """Instances whose histories are read together; none with one that is too long, and no more than are to be."""
    portion: list[Found] = []
    entries = total = 0
    for row in rows:
        count = row["seq"] + 1
        if count > AT_ONCE:
            continue
        if total + count > MOST_ENTRIES:
            break
        if entries + count > AT_ONCE:
            yield portion
            portion, entries = [], 0
        portion.append(row)
        entries, total = entries + count, total + count
    if portion:
        yield portion


def told(totals: Totals, graph: Graph) -> list[dict[str, Any]]:
    """The steps of a version, that which took most first."""
    tasks = {task.pointer: task for task in graph.tasks}
    whole = totals.elapsed_ms or 1
    rows = [
        {
            "pointer": pointer,
            "name": tasks[pointer].name if pointer in tasks else "",
            "times": len(step.times),
            "open": step.is_open,
            "tries": step.tries,
            "median_ms": percentile(step.times, 50),
            "slow_ms": percentile(step.times, 95),
            "took_ms": round(step.total_ms),
            "cost": round(step.cost, 4),
            "share": round(step.total_ms / whole, 4),
            "by": _ways(step.by_way),
        }
        for pointer, step in totals.steps.items()
    ]
    return sorted(rows, key=lambda row: (-row["took_ms"], row["pointer"]))


def _ways(by_way: dict[Way, float]) -> dict[str, int]:
    return {way.value: round(by_way[way]) for way in Way if round(by_way.get(way, 0))}


def summary(totals: Totals) -> dict[str, int]:
    """The time of a version by what was waited for, in milliseconds."""
    return _ways(totals.by_way())

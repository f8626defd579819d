"""`/workflows/{name}/compare`: two versions of a workflow side by side: figures, steps, diagrams, and what was written
otherwise."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from streams.console import drawing, words
from streams.console.account import HOLDERS, kind_of, title_of
from streams.console.diagram.svg import Told
from streams.console.page import Page, View, Visit
from streams.console.standing import Standing, standing
from streams.console.workflows import (
    brief,
    chosen_of,
    difference,
    known_versions,
    latest,
    previous,
    states_of,
    times_of,
)
from streams.definitions.book import Deployed
from streams.language.graph import Graph, Task
from streams.processors.orchestrate.rows import INSTANCES
from streams.processors.view.report import Figures, figures

NEWEST = 75  # instances of each kind that are looked at, for each version
DAYS = 30  # of which the figures are
FIGURES = ("started", "open", "completed", "faulted", "cancelled", "automation_rate", "first_time_right_rate",
           "median_ms", "slow_ms")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A version, and how it does."""

    version: Deployed
    told: Standing
    times: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A step of either version, or of both."""

    title: str
    word: str  # new, gone, changed, or empty: the same
    before: Mapping[str, Any] | None  # how it does, where it is there and something is known
    after: Mapping[str, Any] | None


async def show(visit: Visit) -> View:
    """The page; without a choice, the version in force beside the one before it."""
    name = visit.request.match_info["name"]
    known = known_versions(visit, name)
    after = chosen_of(visit, known, "b") or latest(visit, name, known)
    before = chosen_of(visit, known, "a") or previous(known, after) or after
    now = await _side(visit, after)
    was = now if before.digest == after.digest else await _side(visit, before)
    since_ms = visit.now_ms - DAYS * words.DAY
    told = await asyncio.to_thread(figures, visit.services.reader, since_ms, visit.now_ms + 1, name, INSTANCES.c.digest)
    by_digest = {each.version: each for each in told}
    data = {
        "name": name,
        "versions": [brief(visit, each) for each in reversed(known)],
        "before": {**brief(visit, before), "figures": _figures(by_digest.get(before.digest))},
        "after": {**brief(visit, after), "figures": _figures(by_digest.get(after.digest))},
        "days": DAYS,
        "steps": [asdict(row) for row in rows(was, now)],
        "difference": await difference(before, after),
    }
    pictures = [_picture(side, f"v{place}") for place, side in enumerate((was, now))]
    return View(template="compare.html", data=data, drawn={"pictures": pictures})


async def _side(visit: Visit, version: Deployed) -> Side:
    if version.graph is None:
        return Side(version=version, told=Standing(), times=())
    told = await standing(visit, version.graph, NEWEST)
    return Side(version=version, told=told, times=times_of(version.graph, told))


def _figures(found: Figures | None) -> dict[str, Any]:
    return {name: getattr(found, name, None) for name in FIGURES}


def _picture(side: Side, name: str) -> Any:
    if side.version.graph is None:
        return ""
    return drawing.drawn(side.version.graph, Told(states=states_of(side.told, side.times), id=name), narrow=True)


def rows(before: Side, after: Side) -> Iterator[Row]:
    """The steps of both, each once, in the order of the later version; then those that are gone."""
    was, now = _steps(before.version.graph), _steps(after.version.graph)
    for key in (*now, *(each for each in was if each not in now)):
        task, gone = now.get(key), was.get(key)
        if task is None:
            word = "gone"
        elif gone is None:
            word = "new"
        else:
            word = "changed" if gone.document != task.document and kind_of(task) not in HOLDERS else ""
        yield Row(
            title=title_of(task or was[key]),
            word=word,
            before=_did(before, gone),
            after=_did(after, task),
        )


def _steps(graph: Graph | None) -> dict[tuple[str, int], Task]:
    """The tasks that people know, by name; those of one name in their order."""
    seen: Counter[str] = Counter()
    found = {}
    for task in graph.tasks if graph else ():
        if task.told and task.name:
            found[task.name, seen[task.name]] = task
            seen[task.name] += 1
    return found


def _did(side: Side, task: Task | None) -> dict[str, Any] | None:
    """How a step does: how long it takes, which share of the time, how many stand at it, how many have failed."""
    if task is None:
        return None
    time = next((each for each in side.times if each["pointer"] == task.pointer), None)
    counts = dict(side.told.counts.get(task.pointer, {}))
    failed = counts.pop("faulted", 0)
    return {
        "median_ms": time["median_ms"] if time else None,
        "share": time["share"] if time else 0.0,
        "here": sum(counts.values()),
        "failed": failed,
    }


PAGES = (Page(path="/workflows/{name}/compare", show=show, section="/workflows"),)

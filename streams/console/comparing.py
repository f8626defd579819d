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
from streams.console.workflows import brief, difference, known_versions, latest, states_of, times_of
from streams.definitions.book import Deployed
from streams.language.graph import Graph, Task
from streams.processors.orchestrate.rows import INSTANCES
from streams.processors.view.report import Figures, figures

DAYS = 30  # of which the figures are
FIGURES = ("started", "open", "completed", "faulted", "cancelled", "automation_rate", "first_time_right_rate",
           "median_ms", "slow_ms")  # fmt: skip
Side = tuple[Deployed, Standing]


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
    after = _chosen(known, visit.query("b")) or latest(visit, name, known)
    before = _chosen(known, visit.query("a")) or known[max(known.index(after) - 1, 0)]
    sides = [(each, await _standing(visit, each)) for each in (before, after)]
    since_ms = visit.now_ms - DAYS * words.DAY
    told = await asyncio.to_thread(figures, visit.services.reader, since_ms, visit.now_ms + 1, name, INSTANCES.c.digest)
    by_digest = {each.version: each for each in told}
    data = {
        "name": name,
        "versions": [brief(visit, each) for each in reversed(known)],
        "before": {**brief(visit, before), "figures": _figures(by_digest.get(before.digest))},
        "after": {**brief(visit, after), "figures": _figures(by_digest.get(after.digest))},
        "days": DAYS,
        "steps": [asdict(row) for row in rows(*sides)],
        "difference": difference(before, after),
    }
    pictures = [_picture(each, told, f"v{place}") for place, (each, told) in enumerate(sides)]
    return View(template="compare.html", data=data, drawn={"pictures": pictures})


def _chosen(known: Sequence[Deployed], digest: str) -> Deployed | None:
    return next((each for each in known if each.digest == digest), None)


async def _standing(visit: Visit, version: Deployed) -> Standing:
    return await standing(visit, version.graph) if version.graph else Standing()


def _figures(found: Figures | None) -> dict[str, Any]:
    return {name: getattr(found, name, None) for name in FIGURES}


def _picture(version: Deployed, told: Standing, name: str) -> Any:
    if version.graph is None:
        return ""
    states = states_of(told, times_of(version.graph, told))
    return drawing.drawn(version.graph, Told(states=states, id=name), narrow=True)


def rows(before: Side, after: Side) -> Iterator[Row]:
    """The steps of both, each once, in the order of the later version; then those that are gone."""
    (old, old_told), (new, new_told) = before, after
    was, now = _steps(old.graph), _steps(new.graph)
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
            before=_did(old, old_told, gone),
            after=_did(new, new_told, task),
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


def _did(version: Deployed, told: Standing, task: Task | None) -> dict[str, Any] | None:
    """How a step does: how long it takes, which share of the time, how many stand at it, how many have failed."""
    if version.graph is None or task is None:
        return None
    time = next((each for each in times_of(version.graph, told) if each["pointer"] == task.pointer), None)
    counts = dict(told.counts.get(task.pointer, {}))
    failed = counts.pop("faulted", 0)
    return {
        "median_ms": time["median_ms"] if time else None,
        "share": time["share"] if time else 0.0,
        "here": sum(counts.values()),
        "failed": failed,
    }


PAGES = (Page(path="/workflows/{name}/compare", show=show, section="/workflows"),)

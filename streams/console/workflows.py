"""`/workflows`: what can run, and `/workflows/{name}`: one of them, with what goes on in it and its versions."""

from __future__ import annotations

import asyncio
import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from schemas.lifecycle import OPEN, Status
from streams.console import drawing, queries, words
from streams.console.account import title_of
from streams.console.diagram.svg import State, Told
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, may, require
from streams.console.standing import Standing, standing
from streams.definitions import states
from streams.definitions.book import DefinitionBook, Deployed
from streams.gateway.bodies import MAX_LINE_LENGTH
from streams.gateway.definition_acts import bring
from streams.gateway.problems import ProblemError
from streams.language.graph import Graph
from streams.processors.orchestrate.ways import WORDS
from streams.processors.view import bottlenecks

MOST_LINES = 400  # of a difference that is shown
MOST_PAIRS = 200_000  # of equal lines that are looked at for it
MOST_NAMED, MOST_QUOTED = 10, 64  # versions, and characters of what was asked for, where there is none of it
LEAST_SHARE = 0.005  # of the time, that the diagram tells


async def show_all(visit: Visit) -> View:
    """Every workflow with its newest version, and how many instances it has."""
    reader, now = visit.services.reader, visit.now_ms
    is_open = await asyncio.to_thread(queries.open_by_workflow, reader)
    today = await asyncio.to_thread(queries.by_status, reader, now - words.DAY, now + 1)
    versions: dict[str, list[Deployed]] = {}
    for each in visit.services.definitions.deployed():
        versions.setdefault(each.name, []).append(each)
    rows = [
        {
            **brief(visit, latest(visit, name, known)),
            "versions": len(known),
            **{status.value: is_open.get((name, status), 0) for status in OPEN},
            **{status.value: today.get((name, status), 0) for status in (Status.COMPLETED, Status.FAULTED)},
        }
        for name, known in sorted(versions.items())
    ]
    return View(template="workflows.html", data={"workflows": rows})


async def show(visit: Visit) -> View:
    """One workflow: the version that new instances start on, or the one that the query names."""
    name, reader = visit.request.match_info["name"], visit.services.reader
    known = known_versions(visit, name)
    chosen = chosen_of(visit, known, "digest") or latest(visit, name, known)
    told = await standing(visit, chosen.graph) if chosen.graph else Standing()
    times = times_of(chosen.graph, told) if chosen.graph else []
    before = previous(known, chosen)
    data = {
        "workflow": brief(visit, chosen),
        "versions": [brief(visit, each) for each in reversed(known)],
        "counts": told.counts,
        "looked_at": told.looked_at,
        "times": times,
        "by": bottlenecks.summary(told.totals),
        "failures": [{"step": step, "title": title, "count": count} for step, title, count in told.failures],
        "yaml": chosen.yaml,
        "difference": await difference(before, chosen) if before else None,
        "said": _said(visit, name),
        "open": await asyncio.to_thread(reader.open_by_digest),
        "priority": chosen.graph.priority if chosen.graph else None,
        "held": (await asyncio.to_thread(reader.held)).get(name, 0),
    }
    shown = Told(states=states_of(told, times), links=_links(chosen, told))
    drawn = drawing.both(chosen.graph, shown) if chosen.graph else {"wide": "", "narrow": ""}
    may_say = may(visit.actor, Act.PAUSE, Target("workflow", name))
    more = {"before": before, "quote": quote, "may_say": may_say, "max_reason": MAX_LINE_LENGTH}
    return View(template="workflow.html", data=data, drawn={**drawn, **more})


async def act(visit: Visit) -> Shown:
    """Pauses a workflow, activates it, also on another version, or retires it."""
    name = visit.request.match_info["name"]
    require(visit.actor, Act.PAUSE, Target("workflow", name))
    form = await visit.form()
    state = next((each for each in states.State if each == form.get("state")), None)
    if state is None:
        raise ProblemError(422, "request-invalid", f"Choose what is to be: {', '.join(states.State)}.")
    why = form.get("why", "").strip()
    await bring(visit.services, name, state, why, visit.actor.name, form.get("version") or None)
    return see_other(f"/workflows/{quote(name, safe='')}")


def known_versions(visit: Visit, name: str) -> list[Deployed]:
    """The versions of a workflow, in the order in which they were deployed; raises ProblemError (404)."""
    known = [each for each in visit.services.definitions.deployed() if each.name == name]
    if not known:
        raise ProblemError(404, "not-found", "No workflow of this name is deployed, or not yet.")
    return known


def chosen_of(visit: Visit, known: Sequence[Deployed], which: str) -> Deployed | None:
    """The version that the query names by its digest, under `which`; None where it names none.

    Raises ProblemError (404) for one that is not there.
    """
    digest = visit.query(which)
    found = next((each for each in known if each.digest == digest), None)
    if digest and found is None:
        there = ", ".join(f"{each.version} ({each.digest[:8]})" for each in known[-MOST_NAMED:])
        newest = f", the newest of {len(known)}" if len(known) > MOST_NAMED else ""
        detail = f"No version of {known[0].name} has the digest {digest[:MOST_QUOTED]}. Known{newest}: {there}."
        raise ProblemError(404, "not-found", detail)
    return found


def latest(visit: Visit, name: str, known: Sequence[Deployed]) -> Deployed:
    """The version that new instances start on; the newest where none can be started."""
    return visit.services.definitions.find(name) or known[-1]


def brief(visit: Visit, each: Deployed) -> dict[str, Any]:
    """What lists and pages tell of a version."""
    newest = visit.services.definitions.find(each.name)
    document = each.graph.document.get("document") if each.graph else None
    summary = document.get("summary") if isinstance(document, dict) else None
    names = ("digest", "name", "version", "namespace", "event_types", "deployed_at_ms", "deployed_by", "fault")
    return {
        **{name: getattr(each, name) for name in names},
        "title": title_of_workflow(visit.services.definitions, each.name, each),
        "summary": summary if isinstance(summary, str) else "",
        "latest": newest is not None and newest.digest == each.digest,
        "state": visit.services.definitions.state(each.name),
    }


def title_of_workflow(book: DefinitionBook, name: str, version: Deployed | None = None) -> str:
    """What people call a workflow: the title that the version in force gives (or this one), else its name as words."""
    found = version or book.find(name)
    document = found.graph.document.get("document") if found is not None and found.graph is not None else None
    title = document.get("title") if isinstance(document, dict) else None
    return title if isinstance(title, str) and title else words.titled(name)


def _said(visit: Visit, name: str) -> dict[str, Any] | None:
    """What somebody has said last about whether it may start instances."""
    word = visit.services.definitions.word(name)
    return None if word is None else {"why": word.why, "actor": word.actor, "at_ms": word.at_ms}


def _links(chosen: Deployed, told: Standing) -> dict[str, str]:
    """Tasks at which something stands lead to the instances of the workflow in that status."""
    worst = {pointer: next(iter(sorted(counts))) for pointer, counts in told.counts.items() if counts}
    return {
        pointer: f"/instances?workflow={quote(chosen.name, safe='')}&status={status}"
        for pointer, status in worst.items()
    }


def times_of(graph: Graph, told: Standing) -> list[dict[str, Any]]:
    """Where the time goes: the steps that took the greatest part of it, and what they waited for."""
    tasks = {task.pointer: task for task in graph.tasks}
    return [
        {**step, "title": title_of(tasks[step["pointer"]]), "goes_to": [WORDS[way] for way in step["by"]]}
        for step in bottlenecks.told(told.totals, graph)
        if step["pointer"] in tasks and step["took_ms"]
    ]


def states_of(told: Standing, times: Sequence[Mapping[str, Any]]) -> dict[str, State]:
    """What is told at each task: how many instances are there, and its part of the time."""
    shares = {step["pointer"]: f"{step['share']:.0%}" for step in times if step["share"] >= LEAST_SHARE}
    return {
        pointer: State(counts=told.counts.get(pointer, {}), took=shares.get(pointer, ""))
        for pointer in (*told.counts, *shares)
    }


def previous(known: Sequence[Deployed], chosen: Deployed) -> Deployed | None:
    """The version that was deployed before this one."""
    place = next(place for place, each in enumerate(known) if each.digest == chosen.digest)
    return known[place - 1] if place else None


async def difference(before: Deployed, after: Deployed) -> list[str]:
    """What a version changed, line by line, unless that takes too long; not on the event loop."""
    return await asyncio.to_thread(_difference, before, after)


def _difference(before: Deployed, after: Deployed) -> list[str]:
    old, new = before.yaml.splitlines(), after.yaml.splitlines()
    if _pairs(old, new) > MOST_PAIRS:
        return ["(too long, or too much alike, to be compared line by line)"]
    lines = difflib.unified_diff(old, new, before.version, after.version, lineterm="", n=2)
    return [line for line, _ in zip(lines, range(MOST_LINES), strict=False)]


def _pairs(old: Sequence[str], new: Sequence[str]) -> int:
    """How many pairs of equal lines are looked at; the library leaves out lines that many others are like."""
    often = len(new) // 100 + 1 if len(new) >= 200 else len(new)  # as `difflib` has it
    counts = Counter(new)
    return sum(counts[line] for line in old if counts[line] <= often)


async def show_definitions(visit: Visit) -> View:
    """Every version of every workflow, the newest first."""
    rows: list[Mapping[str, Any]] = [brief(visit, each) for each in reversed(visit.services.definitions.deployed())]
    return View(template="definitions.html", data={"definitions": rows})


PAGES = (
    Page(path="/workflows", show=show_all, section="/workflows", live=True),
    Page(path="/workflows/{name}", show=show, section="/workflows", live=True),
    Page(path="/workflows/{name}/state", show=act, section="/workflows", method="POST"),
    Page(path="/definitions", show=show_definitions, section="/workflows", live=True),
)

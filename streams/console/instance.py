"""`/instances/{id}`: one instance, why it stands where it stands, what happened, and what can be done about it."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from schemas.lifecycle import TERMINAL
from streams.console import drawing, queries
from streams.console.account import Account, Entry, account, retrying, title_of
from streams.console.axis import Axis
from streams.console.control import DID, WORDS, acts_of
from streams.console.decision import Decision, decision
from streams.console.diagram.path import passed, states
from streams.console.diagram.svg import Told
from streams.console.history import entry, retold
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.repair import decided, stops
from streams.console.rights import Act, Target, may, require
from streams.console.story import failed_step, story
from streams.gateway.bodies import MAX_LINE_LENGTH, one_line
from streams.gateway.instances import cancel, known_instance
from streams.gateway.undoing import undoable
from streams.language.graph import Graph
from streams.processors.decide.places import folders
from streams.readmodel.paging import Found
from streams.readmodel.stored import stored

MOST_ENTRIES = 2_000
MOST_STEPS = 200
TRIES = 15  # a page of an instance that has not been seen asks again so often
ID = re.compile(r"[0-9a-f]{32}")


async def show(visit: Visit) -> Shown:
    """The page of an instance."""
    row = await asyncio.to_thread(visit.services.reader.instance, visit.request.match_info["instance_id"])
    if row is None:
        return _not_seen(visit)
    entries, complete = await _history(visit, row["instance_id"])
    tasks = await _tasks(visit, row["instance_id"])
    decisions = await _decisions(visit, row["instance_id"])
    graph = visit.services.definitions.graph(row["digest"])
    told = account(entries, graph)
    if graph is not None and complete:
        await retold(row["instance_id"], told, entries, visit.services.definitions.graph)
    retrying(told, await asyncio.to_thread(visit.services.reader.retrying, [row["instance_id"]]))
    found = await stops(visit, row["instance_id"], told, graph)
    data = {
        **_data(visit, row, told, tasks, decisions),
        "incidents": found,
        "decided": await decided(visit, row["instance_id"], graph),
        "sent_again": await _sent_again(visit, row["instance_id"]),
        "undo": _undo(row, graph, entries, complete),
    }
    return View(template="instance.html", data=data, drawn={
        "entries": entries, "complete": complete, **_drawn(visit, row, told, tasks),
        "path": _path(graph, told, visit.now_ms) if graph else "",
    })  # fmt: skip


def _undo(row: Found, graph: Graph | None, entries: Sequence[Entry], complete: bool) -> list[str] | None:
    """What people call the steps that would be undone if it were given up; None where that is not known."""
    if graph is None or not graph.undoes or row["status"] in TERMINAL:
        return []
    titles = {task.pointer: title_of(task) for task in graph.tasks}
    changes = (each for entry in entries for each in entry.transitions)
    return [titles[pointer] for pointer in undoable(graph, changes)] if complete else None


def _data(
    visit: Visit, row: Found, told: Account, tasks: Sequence[Mapping[str, Any]], decisions: Sequence[Decision]
) -> dict[str, Any]:
    end_ms = row["updated_at_ms"] if row["status"] in TERMINAL else max(visit.now_ms, row["started_at_ms"])
    axis = Axis(told.steps, row["started_at_ms"], end_ms)
    span_ms = end_ms - row["started_at_ms"]
    return {
        "instance": row,
        "title": row["business_key"] or row["instance_id"][:8],
        "story": story(row["status"], told, tasks, decisions, span_ms, visit.now_ms),
        "span_ms": span_ms,
        "working_ms": axis.working_ms,
        "steps": [{"step": each, "bar": axis.bar(each, end_ms), "took_ms": each.took_ms(end_ms)} for each in
                  told.steps[:MOST_STEPS]],
        "more_steps": max(0, len(told.steps) - MOST_STEPS),
        "folds": axis.folds,
        "tasks": tasks,
        "decisions": decisions,
        "problem": told.problem if row["status"] == "faulted" else None,
        "started_by": told.started,
        "output": told.output,
        "controlled": told.controlled,
        "cancelled": told.cancelled,
        "cancelled_ms": told.cancelled_ms,
    }  # fmt: skip


def _path(graph: Graph, told: Account, now_ms: int) -> Markup:
    """The path of an instance, in the width of a column."""
    listing = drawing.listing_of(graph)
    if listing is None:
        return Markup("")
    links = {step.pointer: f"#{step.anchor}" for step in told.steps[:MOST_STEPS]}
    shown = Told(states=states(told, now_ms), passed=passed(listing, told), ended=told.output is not None, links=links)
    return drawing.drawn(graph, shown, narrow=True)


def _drawn(visit: Visit, row: Found, told: Account, tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    target = Target("instance", row["instance_id"])
    return {
        "open_tasks": [each for each in tasks if each["status"] == "open"],
        "trying": [step for step in told.steps if step.next_try is not None],
        "failed": failed_step(told) if row["status"] == "faulted" else None,
        "may_cancel": row["status"] not in TERMINAL and may(visit.actor, Act.CANCEL, target),
        "may_repair": may(visit.actor, Act.REPAIR, target),
        "may_control": may(visit.actor, Act.CANCEL, target),
        "acts": acts_of(visit, row),
        "act_words": WORDS,
        "act_did": DID,
        "asks": visit.query("ask"),
        "about": visit.query("incident"),
        "about_step": visit.query("step"),
        "action_id": uuid.uuid4().hex,
        "asks_to_cancel": visit.query("ask") == "cancel",
        "cancel_sent": visit.query("sent") == "cancel" and row["status"] not in TERMINAL,
        "max_reason": MAX_LINE_LENGTH,
        "quote": quote,
    }


async def act_cancel(visit: Visit) -> Shown:
    """Asks the engine to end the instance."""
    row = await known_instance(visit.request)
    require(visit.actor, Act.CANCEL, Target("instance", row["instance_id"]))
    form = await visit.form()
    reason = one_line("reason", form.get("reason", "").strip())
    await cancel(visit.services, row, reason, visit.actor.name, undo=form.get("undo") != "no")
    return see_other(f"/instances/{row['instance_id']}?sent=cancel")


async def _history(visit: Visit, instance_id: str) -> tuple[list[Entry], bool]:
    rows = await asyncio.to_thread(visit.services.reader.history, instance_id, limit=MOST_ENTRIES + 1)
    return [await entry(visit.services.codec, row["message"]) for row in rows[:MOST_ENTRIES]], len(rows) <= MOST_ENTRIES


async def _tasks(visit: Visit, instance_id: str) -> list[Mapping[str, Any]]:
    rows = await asyncio.to_thread(queries.tasks_of, visit.services.reader, instance_id)
    return list((await stored(visit.services.codec, rows)).messages)


async def _decisions(visit: Visit, instance_id: str) -> list[Decision]:
    rows = await asyncio.to_thread(visit.services.reader.decisions, instance_id)
    where = folders(visit.services.settings)
    return [decision(each, where) for each in (await stored(visit.services.codec, rows)).messages]


async def _sent_again(visit: Visit, instance_id: str) -> list[dict[str, Any]]:
    """Webhooks that somebody has had sent once more."""
    rows = await asyncio.to_thread(queries.redeliveries_of, visit.services.reader, instance_id)
    names = ("at_ms", "actor", "why", "connection", "status", "code")
    return [{name: each[name] for name in names} for each in (await stored(visit.services.codec, rows)).messages]


def _not_seen(visit: Visit) -> View:
    """An event that has just been published: its instance will be there in a moment."""
    instance_id, tried = visit.request.match_info["instance_id"], visit.query("try")
    count = int(tried) if tried.isascii() and tried.isdigit() and len(tried) < 4 else 0
    again = ID.fullmatch(instance_id) is not None and count < TRIES
    headers = {"Refresh": f"2; url=/instances/{instance_id}?try={count + 1}"} if again else {}
    data = {"instance_id": instance_id, "again": again}
    return View(template="not_seen.html", data=data, status=404, headers=headers)


PAGES = (
    Page(path="/instances/{instance_id}", show=show, section="/instances", live=True),
    Page(path="/instances/{instance_id}/cancel", show=act_cancel, section="/instances", method="POST"),
)

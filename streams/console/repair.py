"""`/instances/{id}/repair`: a failed step that waits for somebody is done again, left out, or made the end.

The page offers what `exlify retry`, `skip` and `fail` do; beside it stands whether anything reached the outside. What
waits for its next try can be tried now.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.payload import Door, Payload
from streams.console import queries
from streams.console.account import Account, title_of
from streams.console.forms import FormFaultError, json_of
from streams.console.page import Page, Shown, Visit, see_other
from streams.console.rights import Act, Target, require
from streams.gateway.bodies import one_line
from streams.gateway.hurrying import hurry
from streams.gateway.instances import known_instance
from streams.gateway.problems import ProblemError
from streams.gateway.repairs import KEPT_KEY, LATEST, NEW_KEY, repair
from streams.language.graph import Graph
from streams.readmodel.stored import stored

ACTIONS = ("retry", "skip", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A failed step that waits for a decision."""

    incident_id: str
    pointer: str
    title: str
    error: Mapping[str, Any]
    owner: str
    opened_at_ms: int
    asked: Any


async def stops(visit: Visit, instance_id: str, told: Account, graph: Graph | None) -> list[Stop]:
    """The open incidents of an instance."""
    rows = await asyncio.to_thread(visit.services.reader.open_incidents, [instance_id])
    titles = {task.pointer: title_of(task) for task in graph.tasks} if graph else {}
    asked = {step.pointer: step.asked for step in told.steps}
    found = []
    for row in rows:
        _, each = await visit.services.codec.decode_learning(row["message"])
        names = ("incident_id", "pointer", "error", "owner", "opened_at_ms")
        pointer = each["pointer"]
        title = titles.get(pointer, pointer)
        found.append(Stop(**{name: each[name] for name in names}, title=title, asked=asked.get(pointer)))
    return found


async def decided(visit: Visit, instance_id: str, graph: Graph | None) -> list[dict[str, Any]]:
    """What somebody decided about failed steps of an instance, the newest first."""
    titles = {task.pointer: title_of(task) for task in graph.tasks} if graph else {}
    rows = await asyncio.to_thread(queries.decided_of, visit.services.reader, instance_id)
    found = (await stored(visit.services.codec, rows)).messages
    names = ("closed_at_ms", "actor", "why", "status")
    return [
        {name: each[name] for name in names} | {"title": titles.get(each["pointer"], each["pointer"])} for each in found
    ]


async def try_now(visit: Visit) -> Shown:
    """Has a failed step tried at once that waits for its next try."""
    row, form = await known_instance(visit.request), await visit.form()
    require(visit.actor, Act.REPAIR, Target("instance", row["instance_id"]))
    why = form.get("why", "").strip()
    await hurry(visit.services, row, {"task": form.get("task") or None}, why, visit.actor.name)
    return see_other(f"/instances/{row['instance_id']}")


async def act(visit: Visit) -> Shown:
    """Decides about one incident."""
    row, form = await known_instance(visit.request), await visit.form()
    instance_id = row["instance_id"]
    require(visit.actor, Act.REPAIR, Target("instance", instance_id))
    action = form.get("action", "")
    if action not in ACTIONS:
        raise ProblemError(422, "request-invalid", "Choose what is to be done: retry, skip or fail.")
    why = one_line("why", form.get("why", "").strip())
    wish = {"why": why, "actor": visit.actor.name, "incident": form.get("incident", "")}
    name = form.get("action_id") or uuid.uuid4().hex
    await repair(visit.services, row, wish, action, _more(visit, row, action, form), name[:100])
    return see_other(f"/instances/{instance_id}")


def _more(visit: Visit, row: Mapping[str, Any], action: str, form: Mapping[str, str]) -> dict[str, Any]:
    if action == "skip":
        return {"output": _data("output", form.get("output", ""))}
    if action == "fail":
        return {"undo": form.get("undo") != "no"}
    more: dict[str, Any] = {"key": NEW_KEY if form.get("new_key") else KEPT_KEY}
    if form.get("input", "").strip():
        more["input"] = _data("input", form["input"])
    if form.get("definition") == LATEST and (newest := visit.services.definitions.latest(row["workflow"])):
        more["digest"] = newest.digest
    return more


def _data(name: str, text: str) -> Payload:
    try:
        return Payload.from_outside(json_of(name, text) if text.strip() else None, Door.EDIT)
    except FormFaultError as error:
        raise ProblemError(422, "request-invalid", f"{error}.") from None


PAGES = (
    Page(path="/instances/{instance_id}/repair", show=act, section="/instances", method="POST"),
    Page(path="/instances/{instance_id}/try-now", show=try_now, section="/instances", method="POST"),
)

"""`/instances/cancel?...` and `/incidents/retry?...`: one act on a whole list: a preview, the act, what became of each.

The act touches those that the preview has counted, and no others: what begins meanwhile is not caught, and what has
ended by itself is told as such. Previews and acts are remembered by this process, the newest of them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from streams.console import queries
from streams.console.instances import FILTERS, wanted
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, require
from streams.gateway.bodies import MAX_LINE_LENGTH, one_line
from streams.gateway.instances import cancel
from streams.gateway.places import calling
from streams.gateway.problems import ProblemError, problem_of
from streams.gateway.repairs import KEPT_KEY, repair
from streams.readmodel.paging import Found

MOST = 1_000  # instances of one act
SHOWN = 50
KEPT = 100  # acts whose progress is remembered, in this process
AT_ONCE = 20


@dataclass
class Deed:
    """An act on many instances, and how far it is."""

    id: str
    verb: str  # cancel or retry
    actor: str
    reason: str
    at_ms: int
    ids: Sequence[str]
    refused: dict[str, str] = field(default_factory=dict)  # why, by instance
    sent: int = 0


_previewed: dict[str, list[Found]] = {}
_deeds: dict[str, Deed] = {}


async def preview(visit: Visit) -> View:
    """What the act would touch."""
    return await _preview(visit, "")


async def _preview(visit: Visit, fault: str, status: int = 200) -> View:
    asked = {name: visit.query(name) for name in FILTERS}
    rows = await asyncio.to_thread(queries.matching_ids, visit.services.reader, wanted(visit, asked), MOST + 1)
    given = {name: value for name, value in asked.items() if value}
    data = {
        "count": min(len(rows), MOST),
        "more": len(rows) > MOST,
        "most": MOST,
        "instances": rows[:SHOWN],
        "filters": given,
        "fault": fault,
    }
    preview_id = secrets.token_hex(16)
    _keep(_previewed, preview_id, rows[:MOST])
    drawn = {"preview": preview_id, "query": urlencode(given), "max_reason": MAX_LINE_LENGTH}
    return View(template="bulk.html", data=data, drawn=drawn, status=status)


async def act(visit: Visit) -> Shown:
    """Cancels those that the preview has shown; shows a new one where that is not remembered any more."""
    require(visit.actor, Act.CANCEL, Target("instances", visit.request.query_string))
    form = await visit.request.post()
    reason = one_line("reason", str(form.get("reason", "")).strip())
    rows = _previewed.pop(str(form.get("preview", "")), None)
    if rows is None:
        return await _preview(visit, "That preview is not remembered any more; these are the instances now.", 409)
    ids = [row["instance_id"] for row in rows]
    deed = Deed(secrets.token_hex(8), "cancel", visit.actor.name, reason, visit.now_ms, ids)
    _keep(_deeds, deed.id, deed)
    now = await asyncio.to_thread(queries.statuses, visit.services.reader, ids)
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        await asyncio.gather(*(_one(visit, deed, {**row, "status": now[row["instance_id"]]}) for row in some))
    return see_other(f"/acts/{deed.id}")


async def _one(visit: Visit, deed: Deed, row: Found) -> None:
    try:
        await cancel(visit.services, row, deed.reason, deed.actor)
        deed.sent += 1
    except ProblemError as error:
        deed.refused[row["instance_id"]] = error.detail


async def progress(visit: Visit) -> View:
    """What became of each instance so far, as the read model has it."""
    deed = _deeds.get(visit.request.match_info["id"])
    if deed is None:
        raise ProblemError(404, "not-found", "No such act is remembered; a restart of the gateway forgets them.")
    now = await asyncio.to_thread(queries.statuses, visit.services.reader, deed.ids)
    counts = Counter(now.values())
    rows: list[dict[str, Any]] = [
        {"instance_id": each, "status": now.get(each, ""), "refused": deed.refused.get(each, "")} for each in deed.ids
    ]
    data = {"id": deed.id, "verb": deed.verb, "by": deed.actor, "reason": deed.reason, "at_ms": deed.at_ms,
            "sent": deed.sent, "count": len(deed.ids), "counts": dict(counts), "instances": rows}  # fmt: skip
    return View(template="act.html", data=data)


def _keep(kept: dict[str, Any], name: str, value: Any) -> None:
    while len(kept) >= KEPT:
        kept.pop(next(iter(kept)))
    kept[name] = value


async def preview_retry(visit: Visit) -> View:
    """The failed steps that would be done again."""
    return await _preview_retry(visit, "")


async def _preview_retry(visit: Visit, fault: str, status: int = 200) -> View:
    asked = {name: visit.query(name) for name in FILTERS}
    steps = {name: visit.query(name) for name in ("pointer", "reason") if visit.query(name)}
    calls = {"connection": visit.query("connection")} if visit.query("connection") else {}
    given = {**{name: value for name, value in asked.items() if value}, **steps, **calls}
    reader, of = visit.services.reader, wanted(visit, asked)
    places = calling(visit.services, calls["connection"]) if calls else None
    found = await asyncio.to_thread(queries.open_incidents, reader, of, steps, places, MOST + 1)
    preview_id = secrets.token_hex(16)
    _keep(_previewed, preview_id, found[:MOST])
    rows = [{name: value for name, value in row.items() if name != "message"} for row in found[:SHOWN]]
    data = {"count": min(len(found), MOST), "more": len(found) > MOST, "most": MOST, "incidents": rows,
            "filters": given, "fault": fault}  # fmt: skip
    drawn = {"preview": preview_id, "query": urlencode(given), "max_reason": MAX_LINE_LENGTH}
    return View(template="bulk_retry.html", data=data, drawn=drawn, status=status)


async def act_retry(visit: Visit) -> Shown:
    """Has those done again that the preview has shown; its page tells of each as the engine decides."""
    require(visit.actor, Act.REPAIR, Target("incidents", visit.request.query_string))
    form = await visit.request.post()
    why = one_line("why", str(form.get("reason", "")).strip())
    rows = _previewed.pop(str(form.get("preview", "")), None)
    if rows is None:
        return await _preview_retry(visit, "That preview is not remembered any more; these are the steps now.", 409)
    ids = list(dict.fromkeys(row["instance_id"] for row in rows))
    deed = Deed(secrets.token_hex(8), "retry", visit.actor.name, why, visit.now_ms, ids)
    _keep(_deeds, deed.id, deed)
    task = asyncio.create_task(_retry_all(visit, deed, rows))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return see_other(f"/acts/{deed.id}")


async def _retry_all(visit: Visit, deed: Deed, rows: Sequence[Found]) -> None:
    for start in range(0, len(rows), AT_ONCE):
        await asyncio.gather(*(_retry(visit, deed, row) for row in rows[start : start + AT_ONCE]))


async def _retry(visit: Visit, deed: Deed, incident: Found) -> None:
    name = incident["instance_id"]
    try:
        row = await asyncio.to_thread(visit.services.reader.instance, name)
        if row is None:
            return
        wish = {"why": deed.reason, "actor": deed.actor, "incident": incident["incident_id"]}
        await repair(visit.services, row, wish, "retry", {"key": KEPT_KEY}, f"{deed.id}/{incident['incident_id']}")
        deed.sent += 1
    except Exception as error:  # noqa: BLE001  # of one; the others go on, and the page says why
        deed.refused[name] = problem_of(error, visit.request).detail


_under_way: set[asyncio.Task[None]] = set()

PAGES = (
    Page(path="/incidents/retry", show=preview_retry, section="/incidents"),
    Page(path="/incidents/retry", show=act_retry, section="/incidents", method="POST"),
    Page(path="/acts/{id}", show=progress, section="/instances", live=True),
    # Before the page of an instance, whose path these have, too.
    Page(path="/instances/cancel", show=preview, section="/instances"),
    Page(path="/instances/cancel", show=act, section="/instances", method="POST"),
)

"""`/instances/cancel?...`, `suspend`, `resume` and `/incidents/retry?...`: one act on a whole list: a preview, the act,
what became of each.

What begins after the preview is not caught, and what has ended by itself is told as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from schemas.lifecycle import OPEN, Status
from streams.console import deeds, queries
from streams.console.deeds import MOST, Deed
from streams.console.incidents import titles_of
from streams.console.instances import FILTERS, wanted
from streams.console.page import Page, Shown, View, Visit
from streams.console.rights import Act, Target, require
from streams.gateway.bodies import MAX_LINE_LENGTH, one_line
from streams.gateway.controls import control
from streams.gateway.instances import cancel
from streams.gateway.places import calling
from streams.gateway.problems import problem_of
from streams.gateway.repairs import KEPT_KEY, repair
from streams.readmodel.paging import Found

SHOWN = 50
AT_ONCE = 20

Work = Callable[[Found, Found], Awaitable[None]]  # on an instance as it is now, for what the preview has shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """An act on the instances of a list; `touches` are the statuses in which it can be done."""

    name: str
    touches: Sequence[str]


VERBS = (
    Verb(name="cancel", touches=OPEN),
    Verb(name="suspend", touches=[each for each in OPEN if each != Status.SUSPENDED]),
    Verb(name="resume", touches=(Status.SUSPENDED,)),
)


def pages_of(verb: Verb) -> tuple[Page, Page]:
    """Preview and act."""

    async def preview(visit: Visit) -> View:
        return await _preview(visit, verb, "")

    async def act(visit: Visit) -> Shown:
        require(visit.actor, Act.CANCEL, Target("instances", visit.request.query_string))
        return await _act(visit, verb)

    path = f"/instances/{verb.name}"
    return Page(path=path, show=preview, section="/instances"), Page(
        path=path, show=act, section="/instances", method="POST"
    )


async def _preview(visit: Visit, verb: Verb, fault: str, status: int = 200) -> View:
    asked = {name: visit.query(name) for name in FILTERS}
    reader, of = visit.services.reader, wanted(visit, asked)
    rows = await asyncio.to_thread(queries.matching_ids, reader, of, verb.touches, MOST + 1)
    given = {name: value for name, value in asked.items() if value}
    data = {
        "verb": verb.name,
        "count": min(len(rows), MOST),
        "more": len(rows) > MOST,
        "most": MOST,
        "instances": rows[:SHOWN],
        "filters": given,
        "fault": fault,
    }
    drawn = {"preview": deeds.previewed(rows[:MOST]), "query": urlencode(given), "max_reason": MAX_LINE_LENGTH}
    return View(template="bulk.html", data=data, drawn=drawn, status=status)


async def _act(visit: Visit, verb: Verb) -> Shown:
    """Does it to those that the preview has shown; shows a new one where that is not remembered any more."""
    form = await visit.request.post()
    reason = one_line("reason", str(form.get("reason", "")).strip())
    rows = deeds.taken(form)
    if rows is None:
        return await _preview(visit, verb, "That preview is not remembered any more; these are the instances now.", 409)
    deed = deeds.begun(visit, verb.name, reason, [row["instance_id"] for row in rows])
    undo = form.get("undo") != "no"

    async def one(row: Found, shown: Found) -> None:
        if verb.name == "cancel":
            await cancel(visit.services, row, reason, deed.actor, undo=undo)
        else:
            wish = {"why": reason, "actor": deed.actor}
            await control(visit.services, row, verb.name, wish, f"{deed.id}/{shown['instance_id']}")

    return deeds.in_background(deed, lambda begun: _each(visit, begun, rows, one))


async def _each(visit: Visit, deed: Deed, rows: Sequence[Found], act: Work) -> None:
    """Does it to all that the preview has shown, some at once."""

    async def one(shown: Found) -> None:
        name = shown["instance_id"]
        try:
            row = await asyncio.to_thread(visit.services.reader.instance, name)  # as it is now: it may have ended
            if row is None:
                return
            await act(row, shown)
            deed.sent += 1
        except Exception as error:  # noqa: BLE001  # of one; the others go on, and the page says why
            deed.refused[name] = problem_of(error, visit.request).detail

    for start in range(0, len(rows), AT_ONCE):
        await asyncio.gather(*map(one, rows[start : start + AT_ONCE]))


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
    rows = [{name: value for name, value in row.items() if name != "message"} for row in found[:MOST]]
    data = {"count": len(rows), "more": len(found) > MOST, "most": MOST, "incidents": rows[:SHOWN],
            "filters": given, "fault": fault}  # fmt: skip
    drawn = {"preview": deeds.previewed(rows), "query": urlencode(given), "max_reason": MAX_LINE_LENGTH,
             "titles": titles_of(visit)}  # fmt: skip
    return View(template="bulk_retry.html", data=data, drawn=drawn, status=status)


async def act_retry(visit: Visit) -> Shown:
    """Has those done again that the preview has shown; its page tells of each as the engine decides."""
    require(visit.actor, Act.REPAIR, Target("incidents", visit.request.query_string))
    form = await visit.request.post()
    why = one_line("why", str(form.get("reason", "")).strip())
    rows = deeds.taken(form)
    if rows is None:
        return await _preview_retry(visit, "That preview is not remembered any more; these are the steps now.", 409)
    deed = deeds.begun(visit, "retry", why, list(dict.fromkeys(row["instance_id"] for row in rows)))

    async def one(row: Found, incident: Found) -> None:
        wish = {"why": why, "actor": deed.actor, "incident": incident["incident_id"]}
        await repair(visit.services, row, wish, "retry", {"key": KEPT_KEY}, f"{deed.id}/{incident['incident_id']}")

    return deeds.in_background(deed, lambda begun: _each(visit, begun, rows, one))


PAGES = (
    Page(path="/incidents/retry", show=preview_retry, section="/incidents"),
    Page(path="/incidents/retry", show=act_retry, section="/incidents", method="POST"),
    # Before the page of an instance, whose path these have, too.
    *(page for verb in VERBS for page in pages_of(verb)),
)

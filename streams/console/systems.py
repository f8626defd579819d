"""`/systems`: the systems outside, how their calls go, and whether they are to be called."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from streams.console import queries, words
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, may, require
from streams.gateway.places import by_connection
from streams.gateway.problems import ProblemError
from streams.gateway.systems import known, names, say, shown

LASTS = {"1 hour": words.HOUR, "4 hours": 4 * words.HOUR, "1 day": words.DAY, "until it is resumed": None}


async def show(visit: Visit) -> View:
    """All of them, those that are not well first."""
    return await _view(visit)


async def act(visit: Visit) -> Shown:
    """Pauses a system, or lets it be called again."""
    name = known(visit.services, visit.request.match_info["name"])
    require(visit.actor, Act.PAUSE, Target("system", name))
    form = await visit.form()
    action, lasts_ms = form.get("act"), LASTS.get(form.get("for", ""))
    if action not in ("pause", "resume"):
        raise ProblemError(422, "request-invalid", "Choose what is to be done: pause or resume.")
    until_ms = visit.now_ms + lasts_ms if action == "pause" and lasts_ms else None
    why = form.get("why", "").strip()
    try:
        await say(visit.services, name, why, visit.actor.name, paused=action == "pause", until_ms=until_ms)
    except ProblemError as error:
        if error.status not in (409, 422):
            raise
        return await _view(visit, fault=error.detail, status=error.status)
    return see_other(f"/systems#s-{quote(name, safe='')}")


async def _view(visit: Visit, *, fault: str = "", status: int = 200) -> View:
    reader, places = visit.services.reader, by_connection(visit.services)
    found = []
    for name in names(visit.services):
        stopped = await asyncio.to_thread(queries.count_stopped, reader, places[name]) if name in places else 0
        found.append({**shown(visit.services, name), "stopped": stopped})
    data = {"systems": sorted(found, key=_urgency), "fault": fault}
    drawn = {"lasts": tuple(LASTS), "may_pause": may(visit.actor, Act.PAUSE, Target("system")), "quote": quote,
             "may_retry": may(visit.actor, Act.REPAIR, Target("incidents"))}  # fmt: skip
    return View(template="systems.html", data=data, drawn=drawn, status=status)


def _urgency(system: dict[str, Any]) -> tuple[bool, bool, bool, str]:
    seen = system["seen"]
    return seen["breaker"] in (None, "closed"), not system["paused"], not seen["failed"], system["name"]


PAGES = (
    Page(path="/systems", show=show, section="/systems", live=True),
    Page(path="/systems/{name}", show=act, section="/systems", method="POST"),
)

"""`/replays`: past events processed anew, and what that showed; each report also as one file that can be saved."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any
from urllib.parse import quote, urlencode

from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rendering import alone
from streams.console.replay_titles import titles
from streams.console.rights import Act, Target, may, require
from streams.gateway.problems import ProblemError
from streams.gateway.replays import known, say, shown, told
from streams.processors.replay import reader
from streams.processors.replay.standing import LIVE, PAUSED
from streams.readmodel.paging import Found

ROWS = 50
SAVED = 5_000  # events of a report that is saved
CELL = ("task", "before", "after")
ACTS = ("pause", "resume", "cancel")


async def show_all(visit: Visit) -> View:
    """The newest replays."""
    cursor = visit.query("cursor") or None
    page = await asyncio.to_thread(reader.replays, visit.services.reader.engine, {}, limit=ROWS, cursor=cursor)
    found = [await shown(visit.services, row) for row in page.rows]
    after = f"/replays?{urlencode({'cursor': page.next})}" if page.next else None
    return View(template="replays.html", data={"replays": found, "next": after}, drawn={"quote": quote})


async def show(visit: Visit) -> View:
    """One replay with its report, and the events behind a cell of it."""
    return await _view(visit, visit.request.match_info["name"])


async def show_file(visit: Visit) -> View:
    """The report alone, as one file: nothing in it is fetched from anywhere."""
    name = visit.request.match_info["name"]
    data = await _told(visit, name)
    rows, more = await _changed(visit, name)
    style, policy = alone("report.css")
    called = titles(visit.services.definitions, data["request"]["definitions"])
    drawn = {"style": style, "rows": rows, "more": more, "link": None, "titles": called}
    return View(template="replay_file.html", data=data, drawn=drawn, headers={"Content-Security-Policy": policy})


async def act(visit: Visit) -> Shown:
    """Pauses, resumes or cancels a replay."""
    name = visit.request.match_info["name"]
    require(visit.actor, Act.PAUSE, Target("replay", name))
    await known(visit.services, name)
    verb = str((await visit.request.post()).get("act", ""))
    if verb not in ACTS:
        raise ProblemError(422, "request-invalid", "Choose what is to be done: pause, resume or cancel.")
    row = await say(visit.services, name, verb, visit.actor.name, {"why": None}, uuid.uuid4().hex)
    if row is not None and row["refused"] is not None:
        return await _view(visit, name, fault=row["refused"])
    return see_other(f"/replays/{quote(name, safe='')}")


async def _view(visit: Visit, name: str, fault: str = "") -> View:
    cell = {each: visit.query(each) for each in CELL if visit.query(each)}
    changed = bool(visit.query("changed"))
    data = {**await _told(visit, name), "results": [], "next": None, "fault": fault}
    place = f"/replays/{quote(name, safe='')}"
    if cell or changed:
        data["results"], data["next"] = await _results(visit, name, cell, changed=changed)
    drawn = {
        "cell": cell,
        "asked": bool(cell) or changed,
        "may_act": may(visit.actor, Act.PAUSE, Target("replay", name)) and data["status"] in LIVE,
        "paused": data["status"] == PAUSED,
        "link": lambda **wanted: f"{place}?{urlencode(wanted)}#events",
        "place": place,
        "titles": titles(visit.services.definitions, data["request"]["definitions"]),
    }
    return View(template="replay.html", data=data, drawn=drawn, status=409 if fault else 200)


async def _told(visit: Visit, name: str) -> dict[str, Any]:
    """A replay with its report. Who looks is `actor` on every page, so who asked for it has another name."""
    found = await told(visit.services, name)
    return {"actor_of": found.pop("actor"), **found}


async def _results(
    visit: Visit, name: str, cell: dict[str, str], *, changed: bool
) -> tuple[list[dict[str, Any]], str | None]:
    page = await asyncio.to_thread(
        reader.results, visit.services.reader.engine, name, cell, changed=changed, limit=ROWS,
        cursor=visit.query("cursor") or None,
    )  # fmt: skip
    query = {**cell, **({"changed": "1"} if changed else {}), "cursor": page.next}
    after = f"/replays/{quote(name, safe='')}?{urlencode(query)}#events" if page.next else None
    return [_shown(row) for row in page.rows], after


async def _changed(visit: Visit, name: str) -> tuple[list[dict[str, Any]], bool]:
    """All that came to something else, for a file that cannot be asked for more; and whether there are more still."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(rows) < SAVED:
        page = await asyncio.to_thread(
            reader.results, visit.services.reader.engine, name, {}, changed=True, limit=500, cursor=cursor
        )
        rows += map(_shown, page.rows)
        cursor = page.next
        if cursor is None:
            break
    return rows, cursor is not None


def _shown(row: Found) -> dict[str, Any]:
    names = ("original_id", "business_key", "workflow", "before", "after", "stopped_at", "place")
    routes = {name: json.loads(row[name]) for name in ("before_routes", "after_routes")}
    return {**{name: row[name] for name in names}, **routes}


PAGES = (
    Page(path="/replays", show=show_all, section="/replays", live=True),
    Page(path="/replays/{name}", show=show, section="/replays", live=True),
    Page(path="/replays/{name}/report", show=show_file, section="/replays"),
    Page(path="/replays/{name}", show=act, section="/replays", method="POST"),
)

"""`/find`: one box for everything; what can only be one thing is shown at once."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from streams.console import queries
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.queries import Wanted
from streams.console.workflows import title_of_workflow
from streams.gateway.instances import also

MOST = 50


async def show(visit: Visit) -> Shown:
    """What a text finds: workflows by name and title; instances by how key or id begin, else by fields that definitions
    name for searching, else by why they failed."""
    text = visit.query("q")
    rows = await asyncio.to_thread(queries.search, visit.services.reader, text, MOST) if text else []
    for named in ({"find": text}, {"reason": text}) if text and not rows else ():
        wanted = Wanted(columns={}, also=also(visit.services, named), limit=MOST)
        rows = rows or (await asyncio.to_thread(queries.instances, visit.services.reader, wanted)).rows
    book = visit.services.definitions
    names = sorted({each.name for each in book.deployed()})
    called = {name: (name.lower(), title_of_workflow(book, name).lower()) for name in names}
    workflows = [name for name in names if text and any(text.lower() in each for each in called[name])]
    if len(rows) + len(workflows) == 1:
        only = f"/instances/{rows[0]['instance_id']}" if rows else f"/workflows/{quote(workflows[0], safe='')}"
        return see_other(only)
    data = {"q": text, "instances": rows, "workflows": workflows, "most": MOST}
    return View(template="find.html", data=data, drawn={"quote": quote})


PAGES = (Page(path="/find", show=show),)

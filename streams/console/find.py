"""`/find`: one box for everything; what can only be one thing is shown at once."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from streams.console import queries
from streams.console.page import Page, Shown, View, Visit, see_other

MOST = 50


async def show(visit: Visit) -> Shown:
    """What a text finds: instances by key or id, workflows and models by name."""
    text = visit.query("q")
    rows = await asyncio.to_thread(queries.search, visit.services.reader, text, MOST) if text else []
    names = sorted({each.name for each in visit.services.definitions.deployed()})
    workflows = [name for name in names if text and text.lower() in name.lower()]
    if len(rows) + len(workflows) == 1:
        only = f"/instances/{rows[0]['instance_id']}" if rows else f"/workflows/{quote(workflows[0], safe='')}"
        return see_other(only)
    data = {"q": text, "instances": rows, "workflows": workflows, "most": MOST}
    return View(template="find.html", data=data, drawn={"quote": quote})


PAGES = (Page(path="/find", show=show),)

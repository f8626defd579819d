"""`/deliveries`: webhooks that went out, or are on their way, and each sent once more."""

from __future__ import annotations

import re
import uuid
from urllib.parse import urlencode

from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, may, require
from streams.gateway.bodies import one_line
from streams.gateway.deliveries import Meant, known_delivery, page_of
from streams.gateway.delivery_acts import sent_again
from streams.gateway.problems import ProblemError
from streams.processors.call.deliveries import DELIVERED, FAILED, STATUSES, WAITING

FILTERS = ("connection", "status", "workflow", "instance_id")
ID_BEGINS = re.compile(r"[0-9a-f]{1,32}")
AGAIN = (DELIVERED, FAILED, WAITING)


async def show(visit: Visit) -> View:
    """Those that a query means, of the newest instances first."""
    return await _view(visit)


async def act(visit: Visit) -> Shown:
    """Sends one once more."""
    require(visit.actor, Act.REDRIVE, Target("delivery"))
    form = await visit.form()
    row, delivery = await known_delivery(visit.request)
    try:
        said = {"why": one_line("why", form.get("why", "").strip()), "actor": visit.actor.name}
        await sent_again(visit.services, row, delivery, said, uuid.uuid4().hex)
    except ProblemError as error:
        if error.status not in (409, 422):
            raise
        return await _view(visit, fault=error.detail, status=error.status)
    return see_other(f"/deliveries?{urlencode({'instance_id': row['instance_id']})}")


async def _view(visit: Visit, *, fault: str = "", status: int = 200) -> View:
    given = {name: visit.query(name) for name in FILTERS if visit.query(name)}
    if given.get("status", DELIVERED) not in STATUSES:
        del given["status"]
    if not ID_BEGINS.fullmatch(given.get("instance_id", "0")):
        del given["instance_id"]
    cursor = visit.query("cursor") or None
    meant = Meant(connection=given.get("connection"), status=given.get("status"), workflow=given.get("workflow"))
    found = await page_of(visit.services, meant, id_begins=given.get("instance_id", ""), cursor=cursor)
    data = {
        "deliveries": found.shown,
        "untold": found.untold,
        "filters": given,
        "next": f"/deliveries?{urlencode({**given, 'cursor': found.next})}" if found.next else None,
        "fault": fault,
    }
    drawn = {
        "asked": {name: given.get(name, "") for name in FILTERS},
        "statuses": STATUSES,
        "again": AGAIN if may(visit.actor, Act.REDRIVE, Target("delivery")) else (),
        "first": cursor is None,
    }
    return View(template="deliveries.html", data=data, drawn=drawn, status=status)


PAGES = (
    Page(path="/deliveries", show=show, section="/systems"),
    Page(path="/deliveries/{instance_id}/{number}", show=act, section="/systems", method="POST"),
)

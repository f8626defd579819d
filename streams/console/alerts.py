"""`/alerts`: what nobody has mended in time, who is told of it next, and taking it on or silencing it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from streams.console import words
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import Act, Target, may, require
from streams.gateway.alerts import decide, known_alert
from streams.gateway.problems import ProblemError
from streams.processors.escalate.alert import ACK, ACTIONS, SILENCE
from streams.readmodel.stored import stored

LASTS = {"1 hour": words.HOUR, "4 hours": 4 * words.HOUR, "1 day": words.DAY, "no longer": None}
SHOWN = 100
SHOWN_CLOSED = 20


async def show(visit: Visit) -> View:
    """The open ones, those of which nobody takes care first, and the newest that have ended."""
    return await _view(visit)


async def act(visit: Visit) -> Shown:
    """Takes an alert on, or silences it."""
    alert_id = (await known_alert(visit.services, visit.request.match_info["alert_id"]))["alert_id"]
    require(visit.actor, Act.ANSWER, Target("alert", alert_id))
    form = await visit.form()
    action, lasts_ms = form.get("act", ""), LASTS.get(form.get("for", ""))
    if action not in ACTIONS:
        raise ProblemError(422, "request-invalid", f"Choose what is to be done: {' or '.join(ACTIONS)}.")
    until_ms = visit.now_ms + lasts_ms if action == SILENCE and lasts_ms else None
    asked = (visit.services, alert_id, action, uuid.uuid4().hex, form.get("why", "").strip(), visit.actor.name)
    try:
        await decide(*asked, until_ms)
    except ProblemError as error:
        if error.status not in (409, 422):
            raise
        return await _view(visit, fault=error.detail, status=error.status)
    return see_other("/alerts")


async def _view(visit: Visit, *, fault: str = "", status: int = 200) -> View:
    is_open, closed = await _of(visit, "open", SHOWN), await _of(visit, "closed", SHOWN_CLOSED)
    data = {"alerts": sorted(is_open, key=_urgency), "closed": closed, "fault": fault}
    drawn = {"lasts": tuple(LASTS), "may_act": may(visit.actor, Act.ANSWER, Target("alert")), "ack": ACK}
    return View(template="alerts.html", data=data, drawn={**drawn, "silence": SILENCE}, status=status)


async def _of(visit: Visit, status: str, limit: int) -> list[dict[str, Any]]:
    page = await asyncio.to_thread(visit.services.reader.alerts, {"status": status}, limit=limit)
    return (await stored(visit.services.codec, page.rows)).messages


def _urgency(alert: dict[str, Any]) -> tuple[bool, bool, int]:
    return alert["acknowledged_by"] is not None, alert["severity"] != "critical", alert["since_ms"]


PAGES = (
    Page(path="/alerts", show=show, section="/alerts", live=True),
    Page(path="/alerts/{alert_id}", show=act, section="/alerts", method="POST"),
)

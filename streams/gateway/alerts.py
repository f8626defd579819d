"""`/v1/alerts`: what nobody has mended in time, who is told of it, and who takes it on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.catalogue import current
from schemas.messages import ALERT, ALERT_ACTION
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, UNREADABLE, json_answer
from streams.gateway.awaiting import awaited
from streams.gateway.bodies import LINE, idempotency_key, moment_to_come, one_line, read_object
from streams.gateway.instances import CURSOR, LIMIT
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.processors.escalate import ACTIONS
from streams.processors.escalate.alert import ACK, SILENCE, STATUSES
from streams.processors.escalate.plan import KINDS, SEVERITIES
from streams.readmodel import presentation
from streams.readmodel.stored import stored

Fields = dict[str, Any]
FILTERS = ("status", "kind", "severity", "workflow", "owner")
SHOWN: Schema = object_of(
    {
        **presentation.json_schema(current()[ALERT]),
        "kind": text_of(tuple(KINDS)),
        "status": text_of(STATUSES),
        "severity": text_of(SEVERITIES),
    }
)


async def list_alerts(request: web.Request) -> web.Response:
    """A page of alerts, the newest first."""
    ours = services(request)
    query = read_query(request, LIST_QUERY)
    page = await asyncio.to_thread(
        ours.reader.alerts,
        {name: query[name] for name in FILTERS if name in query},
        id_begins=query.get("alert_id", ""),
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    found = await stored(ours.codec, page.rows)
    shown = [presentation.message(each) for each in found.messages]
    return json_answer({"alerts": shown, "next": page.next, "unreadable": found.unreadable})


async def show_alert(request: web.Request) -> web.Response:
    """One alert with its notices."""
    ours = services(request)
    return json_answer(presentation.message(await known_alert(ours, request.match_info["alert_id"])))


async def ack_alert(request: web.Request) -> web.Response:
    """Says that somebody sees to an alert: nobody else is told of it."""
    ours = services(request)
    wish = await read_object(request, {"why": str, "actor": str}, ("why",))
    return await _asked(request, ours, ACK, wish, None)


async def silence_alert(request: web.Request) -> web.Response:
    """Lets nobody be told of an alert until a time, also if it ends and begins again; without one, at once again."""
    ours = services(request)
    wish = await read_object(request, {"why": str, "actor": str, "until": str}, ("why",))
    until_ms = None if wish.get("until") is None else moment_to_come("until", wish["until"], ours.now_ms())
    return await _asked(request, ours, SILENCE, wish, until_ms)


async def known_alert(ours: Services, alert_id: str) -> Fields:
    """The newest state that has been seen; raises ProblemError (404) where there is none."""
    row = await asyncio.to_thread(ours.reader.alert, alert_id)
    if row is None:
        raise ProblemError(404, "not-found", "No alert of this id has been seen, or not yet.")
    return (await ours.codec.decode_learning(row["message"]))[1]


async def decide(
    ours: Services, alert_id: str, action: str, action_id: str, why: str, actor: str, until_ms: int | None = None
) -> Fields | None:
    """The alert after an action about it; None where nothing is known of that yet. Raises ProblemError (409)."""
    fields = {"alert_id": alert_id, "action_id": action_id, "action": action, "until_ms": until_ms}
    value = ours.codec.encode(ALERT_ACTION, {**fields, "why": one_line("why", why), "actor": one_line("actor", actor)})
    await ours.publisher.publish([Outgoing(ACTIONS, alert_id.encode(), value)])

    async def look() -> Fields | None:
        latest = await known_alert(ours, alert_id)
        return latest if latest["action_id"] == action_id else None

    after = await awaited(ours, look)
    if after is not None and after["refused"] is not None:
        raise ProblemError(409, "refused", f"Refused: {after['refused']}.")
    return after


async def _asked(
    request: web.Request, ours: Services, action: str, wish: Mapping[str, Any], until_ms: int | None
) -> web.Response:
    before = await known_alert(ours, request.match_info["alert_id"])
    key, actor = idempotency_key(request), wish.get("actor") or "api"
    after = await decide(ours, before["alert_id"], action, key, wish["why"], actor, until_ms)
    return json_answer(presentation.message(after or before), status=200 if after else 202)


LIST_QUERY = (
    Parameter("status", "open or closed.", text_of(STATUSES)),
    Parameter("kind", "What kind of cause it has.", text_of(tuple(KINDS))),
    Parameter("severity", "How grave it is.", text_of(SEVERITIES)),
    Parameter("workflow", "Name of the workflow."),
    Parameter("owner", "The team that is responsible."),
    Parameter("alert_id", "Those whose id begins so."),
    LIMIT,
    CURSOR,
)


def _deciding(verb: str, handler: Any, summary: str, **more: Schema) -> Route:
    return Route(
        method="POST",
        path=f"/v1/alerts/{{alert_id}}/{verb}",
        handler=handler,
        summary=summary + " 202: taken note of, but it is not known yet what became of it.",
        answers={200: SHOWN, 202: SHOWN},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE}, actor=LINE, **more)},
        verb=f"alerts {verb}",
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/alerts",
        handler=list_alerts,
        summary="Find alerts, the newest first.",
        answers={200: object_of({"alerts": list_of(SHOWN), "next": OPTIONAL_TEXT, "unreadable": UNREADABLE})},
        problems=(400, 503),
        query=LIST_QUERY,
        verb="alerts list",
    ),
    Route(
        method="GET",
        path="/v1/alerts/{alert_id}",
        handler=show_alert,
        summary="Show an alert, who is told of it, and what became of each notice.",
        answers={200: SHOWN},
        problems=(404, 503),
        verb="alerts show",
    ),
    _deciding("ack", ack_alert, "Take an alert on: nobody else is told of it."),
    _deciding("silence", silence_alert, "Let nobody be told of an alert for a while.", until=TEXT),
)

"""`/v1/incidents`: failed steps that wait for somebody's decision, and what was decided."""

from __future__ import annotations

import asyncio

from aiohttp import web

from schemas.catalogue import current
from schemas.messages import INCIDENT
from streams.gateway.answers import OPTIONAL_TEXT, UNREADABLE, json_answer
from streams.gateway.instances import CONNECTION, CURSOR, LIMIT, read_time
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.places import calling
from streams.gateway.problems import ProblemError
from streams.gateway.services import services
from streams.readmodel import presentation
from streams.readmodel.stored import stored

STATUSES = ("open", "retried", "skipped", "failed", "cancelled")
FILTERS = ("workflow", "version", "status", "reason", "owner", "business_key", "instance_id", "pointer")
SHOWN: Schema = object_of(
    {**presentation.json_schema(current()[INCIDENT]), "error": {"type": "object"}, "status": text_of(STATUSES)}
)


async def list_incidents(request: web.Request) -> web.Response:
    """A page of incidents, the oldest first."""
    ours = services(request)
    query = read_query(request, LIST_QUERY)
    page = await asyncio.to_thread(
        ours.reader.incidents,
        {name: query[name] for name in FILTERS if name in query},
        places=calling(ours, query["connection"]) if "connection" in query else None,
        since_ms=read_time(query, "since"),
        until_ms=read_time(query, "until"),
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    found = await stored(ours.codec, page.rows)
    shown = [presentation.message(each) for each in found.messages]
    return json_answer({"incidents": shown, "next": page.next, "unreadable": found.unreadable})


async def show_incident(request: web.Request) -> web.Response:
    """One incident."""
    ours = services(request)
    row = await asyncio.to_thread(ours.reader.incident, request.match_info["incident_id"])
    if row is None:
        raise ProblemError(404, "not-found", "No incident of this id has been seen, or not yet.")
    return json_answer(await presentation.record(ours.codec, row["message"]))


LIST_QUERY = (
    Parameter("workflow", "Name of the workflow."),
    Parameter("version", "Version of the definition."),
    Parameter("status", "What was decided, or open.", text_of(STATUSES)),
    Parameter("reason", "Reason of the error, such as UNREACHED."),
    CONNECTION,
    Parameter("owner", "The team that is asked."),
    Parameter("business_key", "The business's own name for the case."),
    Parameter("instance_id", "Those of one instance."),
    Parameter("pointer", "Those of one task, as a JSON Pointer into the definition."),
    Parameter("since", "Opened at this time (RFC 3339) or later."),
    Parameter("until", "Opened before this time (RFC 3339)."),
    LIMIT,
    CURSOR,
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/incidents",
        handler=list_incidents,
        summary="Find failed steps that wait for a decision, the oldest first.",
        answers={200: object_of({"incidents": list_of(SHOWN), "next": OPTIONAL_TEXT, "unreadable": UNREADABLE})},
        problems=(400, 503),
        query=LIST_QUERY,
        verb="incidents list",
    ),
    Route(
        method="GET",
        path="/v1/incidents/{incident_id:.+}",
        handler=show_incident,
        summary="Show a failed step with its error and what was decided.",
        answers={200: SHOWN},
        problems=(404, 503),
        verb="incidents show",
    ),
)

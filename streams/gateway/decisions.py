"""`/v1/decisions`: what models have decided, with all that is needed to recompute it."""

from __future__ import annotations

import asyncio

from aiohttp import web

from schemas.catalogue import current
from schemas.messages import DECISION
from streams.gateway.answers import OPTIONAL_TEXT, json_answer
from streams.gateway.instances import CURSOR, LIMIT, read_time
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query
from streams.gateway.problems import ProblemError
from streams.gateway.services import services
from streams.readmodel import presentation

RECORD: Schema = object_of(presentation.json_schema(current()[DECISION]))
FILTERS = ("model", "model_version", "route", "instance_id")


async def list_decisions(request: web.Request) -> web.Response:
    """A page of decisions, newest first, each in full."""
    query = read_query(request, LIST_QUERY)
    ours = services(request)
    page = await asyncio.to_thread(
        ours.reader.all_decisions,
        {name: query[name] for name in FILTERS if name in query},
        since_ms=read_time(query, "since"),
        until_ms=read_time(query, "until"),
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    records = [await presentation.record(ours.codec, row["message"]) for row in page.rows]
    return json_answer({"decisions": records, "next": page.next})


async def show_decision(request: web.Request) -> web.Response:
    """One decision in full."""
    ours = services(request)
    row = await asyncio.to_thread(ours.reader.decision, request.match_info["decision_id"])
    if row is None:
        raise ProblemError(404, "not-found", "No decision of this id has been seen, or not yet.")
    return json_answer(await presentation.record(ours.codec, row["message"]))


LIST_QUERY = (
    Parameter("model", "Name of the model."),
    Parameter("model_version", "Version of the model."),
    Parameter("route", "What was decided."),
    Parameter("instance_id", "The instance that it was decided for."),
    Parameter("since", "Decided at this time (RFC 3339) or later."),
    Parameter("until", "Decided before this time (RFC 3339)."),
    LIMIT,
    CURSOR,
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/decisions",
        handler=list_decisions,
        summary="Find decisions of models, newest first.",
        answers={200: object_of({"decisions": list_of(RECORD), "next": OPTIONAL_TEXT})},
        problems=(400, 503),
        query=LIST_QUERY,
        verb="decisions list",
    ),
    Route(
        method="GET",
        path="/v1/decisions/{decision_id:.+}",
        handler=show_decision,
        summary="Show a decision with everything needed to recompute it.",
        answers={200: RECORD},
        problems=(404, 503),
        verb="decisions show",
    ),
)

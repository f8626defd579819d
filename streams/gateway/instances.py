"""`/v1/instances`: which instances there are, what happened to one of them, and how to end it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from schemas.cloudevents import parse_time_ms
from schemas.lifecycle import OF_INSTANCES, TERMINAL
from schemas.messages import CANCEL_INSTANCE
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.bodies import LINE, one_line, read_object
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import services
from streams.gateway.story import WAITS_FOR, story
from streams.ground.publish import Outgoing
from streams.processors.orchestrate import INBOX
from streams.readmodel import presentation
from streams.readmodel.paging import Found

HISTORY_LIMIT = 500

INSTANCE: Schema = object_of(
    {
        "instance_id": TEXT,
        "workflow": TEXT,
        "version": TEXT,
        "digest": TEXT,
        "status": text_of(OF_INSTANCES),
        "seq": {"type": "integer"},
        "started_at": TEXT,
        "updated_at": TEXT,
    },
    business_key=OPTIONAL_TEXT,
    error={"type": ["object", "null"], "description": "Why it faulted or was cancelled."},
)
ENTRY: Schema = object_of(
    {"seq": {"type": "integer"}, "at": TEXT, "status": TEXT, "cause": {"type": "object"}, "transitions": list_of({})},
    asked={**list_of({"type": "object"}), "description": "The steps that were asked for, with their arguments."},
)
CURSOR = Parameter("cursor", "Where the page before ended: its member `next`.")
LIMIT = Parameter("limit", "Rows of a page.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50})
FILTERS = ("workflow", "status", "business_key")


async def list_instances(request: web.Request) -> web.Response:
    """A page of instances, newest start first."""
    query = read_query(request, LIST_QUERY)
    page = await asyncio.to_thread(
        services(request).reader.instances,
        {name: query[name] for name in FILTERS if name in query},
        since_ms=_time(query, "since"),
        until_ms=_time(query, "until"),
        id_begins=_beginning(query),
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    return json_answer({"instances": [presentation.instance(row) for row in page.rows], "next": page.next})


async def show_instance(request: web.Request) -> web.Response:
    """One instance with its history, in pages of its own."""
    ours = services(request)
    after = read_query(request, SHOW_QUERY).get("after", -1)
    row = await _known(request)
    rows = await asyncio.to_thread(ours.reader.history, row["instance_id"], after_seq=after, limit=HISTORY_LIMIT + 1)
    told = await story(ours, row)
    history = [
        {**await presentation.history_entry(ours.codec, each["message"]), **told.asked(each["seq"])}
        for each in rows[:HISTORY_LIMIT]
    ]
    decisions = await asyncio.to_thread(ours.reader.decisions, row["instance_id"])
    return json_answer(
        {
            **presentation.instance(row),
            "waits_for": await told.waits_for(),
            "history": history,
            "next": rows[HISTORY_LIMIT - 1]["seq"] if len(rows) > HISTORY_LIMIT else None,
            "decisions": [await presentation.record(ours.codec, each["message"]) for each in decisions],
        }
    )


async def cancel_instance(request: web.Request) -> web.Response:
    """Asks the engine to end an instance; its outcome will say so."""
    ours = services(request)
    wish = await read_object(request, {"reason": str, "actor": str}, required=("reason",))
    reason, actor = one_line("reason", wish["reason"]), one_line("actor", wish.get("actor") or "api")
    row = await _known(request)
    if row["status"] in TERMINAL:
        raise ProblemError(409, "ended", f"The instance has ended: {row['status']}.")
    instance_id = row["instance_id"]
    fields = {"instance_id": instance_id, "reason": reason, "actor": actor}
    value = ours.codec.encode(CANCEL_INSTANCE, fields)
    await ours.publisher.publish([Outgoing(INBOX, instance_id.encode(), value)])
    return json_answer({"instance_id": instance_id}, status=202)


async def _known(request: web.Request) -> Found:
    row = await asyncio.to_thread(services(request).reader.instance, request.match_info["instance_id"])
    if row is None:
        raise ProblemError(404, "not-found", "No instance of this id has been seen, or not yet.")
    return row


def _beginning(query: dict[str, Any]) -> str:
    digits = str(query.get("instance_id", ""))
    if digits.strip("0123456789abcdef"):
        raise ProblemError(400, "query", "instance_id is hexadecimal digits, all of an id or the first of them")
    return digits


def _time(query: dict[str, Any], name: str) -> int | None:
    if name not in query:
        return None
    try:
        return parse_time_ms(query[name])
    except (ValueError, OverflowError):
        raise ProblemError(400, "query", f"{name} is a time such as 2026-01-31T08:30:00Z") from None


LIST_QUERY = (
    Parameter("workflow", "Name of the workflow."),
    Parameter("status", "Status of the instance.", text_of(OF_INSTANCES)),
    Parameter("business_key", "The business's own name for the case."),
    Parameter("instance_id", "The instance's id, or how it begins."),
    Parameter("since", "Started at this time (RFC 3339) or later."),
    Parameter("until", "Started before this time (RFC 3339)."),
    LIMIT,
    CURSOR,
)
SHOW_QUERY = (
    Parameter(
        "after",
        "Entries behind this sequence number only.",
        {"type": "integer", "minimum": 0, "maximum": 2_147_483_647},
    ),
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/instances",
        handler=list_instances,
        summary="Find instances, newest first.",
        answers={200: object_of({"instances": list_of(INSTANCE), "next": OPTIONAL_TEXT})},
        problems=(400, 503),
        query=LIST_QUERY,
        verb="list",
    ),
    Route(
        method="GET",
        path="/v1/instances/{instance_id}",
        handler=show_instance,
        summary="Show an instance with its history and the decisions made for it.",
        answers={
            200: {
                "allOf": [
                    INSTANCE,
                    object_of(
                        {"history": list_of(ENTRY), "next": {"type": ["integer", "null"]}, "decisions": list_of({})},
                        waits_for=WAITS_FOR,
                    ),
                ]
            }
        },
        problems=(400, 404, 503),
        query=SHOW_QUERY,
        verb="show",
    ),
    Route(
        method="POST",
        path="/v1/instances/{instance_id}/cancel",
        handler=cancel_instance,
        summary="Ask for an instance to be cancelled.",
        answers={202: object_of({"instance_id": TEXT})},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"reason": LINE}, actor=LINE)},
        verb="cancel",
    ),
)

"""`/v1/instances`: which instances there are, what happened to one of them, and how to end it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement

from schemas.cloudevents import parse_time_ms
from schemas.lifecycle import OF_INSTANCES, TERMINAL, Status
from schemas.messages import CANCEL_INSTANCE
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.bodies import LINE, one_line, read_object
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.places import calling
from streams.gateway.problems import ProblemError
from streams.gateway.retrying import NARROWING, RETRYING, retrying
from streams.gateway.services import Services, services
from streams.gateway.story import WAITS_FOR, story
from streams.gateway.undoing import TO_UNDO, UNDO, to_undo
from streams.ground.publish import Outgoing
from streams.processors.orchestrate import INBOX, OrchestrateSettings
from streams.processors.view import search
from streams.readmodel import presentation
from streams.readmodel.paging import Found
from streams.readmodel.stored import stored

SEARCHES = {"reason": search.by_reason, "step": search.by_step}
HISTORY_LIMIT = 500
MAX_ASKED = 1_000

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
    retrying=RETRYING,
    error={"type": ["object", "null"], "description": "Why it faulted, was cancelled, or waits for a decision."},
)
ENTRY: Schema = object_of(
    {"seq": {"type": "integer"}, "at": TEXT, "status": TEXT, "cause": {"type": "object"}, "transitions": list_of({})},
    asked={**list_of({"type": "object"}), "description": "The steps that were asked for, with their arguments."},
)
CONNECTION = Parameter(
    "connection", "Those of a step whose definition names this connection, be it to fall back on it."
)
CURSOR = Parameter("cursor", "Where the page before ended: its member `next`.")
LIMIT = Parameter("limit", "Rows of a page.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50})
FILTERS = ("workflow", "status", "business_key", "version")


async def list_instances(request: web.Request) -> web.Response:
    """A page of instances, newest start first."""
    query = read_query(request, LIST_QUERY)
    page = await asyncio.to_thread(
        services(request).reader.instances,
        {name: query[name] for name in FILTERS if name in query},
        since_ms=read_time(query, "since"),
        until_ms=read_time(query, "until"),
        id_begins=beginning(query),
        also=also(services(request), query),
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    shown = [presentation.instance(row) for row in page.rows]
    stopped = [row["instance_id"] for row in page.rows if row["status"] == Status.INCIDENT]
    errors = await _errors(services(request), stopped) if stopped else {}
    narrowed = {name: query.get(name) for name in NARROWING} if "retrying" in query else {}
    retries = await retrying(services(request), page.rows, **narrowed)
    return json_answer(
        {
            "instances": [
                each
                | {"error": errors.get(each["instance_id"], each["error"])}
                | {"retrying": retries.get(each["instance_id"], [])}
                for each in shown
            ],
            "next": page.next,
        }
    )


async def _errors(ours: Services, instance_ids: list[str]) -> dict[str, Any]:
    """Why each of them waits for somebody's decision: the error of its first open incident."""
    rows = await asyncio.to_thread(ours.reader.open_incidents, instance_ids)
    shown = [await presentation.record(ours.codec, row["message"]) for row in reversed(rows)]
    return {each["instance_id"]: each["error"] for each in shown}


async def show_instance(request: web.Request) -> web.Response:
    """One instance with its history, in pages of its own."""
    ours = services(request)
    after = read_query(request, SHOW_QUERY).get("after", -1)
    row = await known_instance(request)
    rows = await asyncio.to_thread(ours.reader.history, row["instance_id"], after_seq=after, limit=HISTORY_LIMIT + 1)
    told = await story(ours, row)
    history = [
        {**await presentation.history_entry(ours.codec, each), **told.asked(each["seq"])}
        for each in rows[:HISTORY_LIMIT]
    ]
    decisions = await asyncio.to_thread(ours.reader.decisions, row["instance_id"])
    incidents = await asyncio.to_thread(ours.reader.open_incidents, [row["instance_id"]])
    return json_answer(
        {
            **presentation.instance(row),
            "waits_for": await told.waits_for(),
            "undo": await to_undo(ours, row) if after < 0 else None,
            "history": history,
            "next": rows[HISTORY_LIMIT - 1]["seq"] if len(rows) > HISTORY_LIMIT else None,
            "decisions": [presentation.message(each) for each in (await stored(ours.codec, decisions)).messages],
            "incidents": [presentation.message(each) for each in (await stored(ours.codec, incidents)).messages],
            "retrying": (await retrying(ours, [row])).get(row["instance_id"], []),
        }
    )


async def known_instances(request: web.Request) -> web.Response:
    """Which of these have started already, so that their event would start nothing again."""
    ours = services(request)
    asked = (await read_object(request, {"instance_ids": list}, required=("instance_ids",)))["instance_ids"]
    if len(asked) > MAX_ASKED or not all(isinstance(each, str) for each in asked):
        raise ProblemError(422, "request-invalid", f"instance_ids is a list of at most {MAX_ASKED} ids")
    since_ms = ours.now_ms() - ours.settings.of(OrchestrateSettings).deduplication_window_ms
    return json_answer({"known": await asyncio.to_thread(ours.reader.known, asked, since_ms)})


async def cancel_instance(request: web.Request) -> web.Response:
    """Asks the engine to end an instance; its outcome will say so."""
    ours = services(request)
    wish = await read_object(request, {"reason": str, "actor": str, "undo": bool}, required=("reason",))
    reason, actor = one_line("reason", wish["reason"]), one_line("actor", wish.get("actor") or "api")
    row = await known_instance(request)
    await cancel(ours, row, reason, actor, undo=wish.get("undo") is not False)
    return json_answer({"instance_id": row["instance_id"]}, status=202)


async def cancel(ours: Services, row: Found, reason: str, actor: str, *, undo: bool = True) -> None:
    """Publishes the wish to end an instance, with what it has done undone; raises ProblemError where it has ended."""
    if row["status"] in TERMINAL:
        raise ProblemError(409, "ended", f"The instance has ended: {row['status']}.")
    instance_id = row["instance_id"]
    fields = {"instance_id": instance_id, "reason": reason, "actor": actor, "undo": undo}
    value = ours.codec.encode(CANCEL_INSTANCE, fields)
    await ours.publisher.publish([Outgoing(INBOX, instance_id.encode(), value)])


async def known_instance(request: web.Request) -> Found:
    """The row of the instance that the path names; raises ProblemError where there is none."""
    row = await asyncio.to_thread(services(request).reader.instance, request.match_info["instance_id"])
    if row is None:
        raise ProblemError(404, "not-found", "No instance of this id has been seen, or not yet.")
    return row


def beginning(query: Mapping[str, Any]) -> str:
    """The digits with which the ids of instances begin that are meant; raises ProblemError for what is none."""
    digits = str(query.get("instance_id", ""))
    if digits.strip("0123456789abcdef"):
        raise ProblemError(400, "query", "instance_id is hexadecimal digits, all of an id or the first of them")
    return digits


def also(ours: Services, query: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """What is asked for beyond columns: reason, step, retrying, find, data. Raises UsageError, ProblemError."""
    dialect = ours.reader.engine.dialect
    places = calling(ours, query["connection"]) if "connection" in query else None
    if "retrying" in query:
        wanted = [search.by_retrying(reason=query.get("reason"), step=query.get("step"), places=places)]
    else:
        wanted = [make(dialect, query[name]) for name, make in SEARCHES.items() if name in query]
        wanted += [search.by_places(places)] if places is not None else []
    if "find" in query:
        wanted.append(search.by_fields(dialect, _search_fields(ours), query["find"]))
    if "data" in query:
        path, equals, value = query["data"].partition("=")
        if not equals:
            raise ProblemError(400, "query", "data is PATH=VALUE, such as customer.id=4711")
        wanted.append(search.by_input(dialect, path, value))
    return wanted


def _search_fields(ours: Services) -> list[tuple[str, str]]:
    """Workflow and path of what definitions name in `document.metadata.search`; what is no list of texts is theirs."""
    found = set()
    for each in ours.definitions.deployed():
        named = each.graph.document["document"].get("metadata", {}).get("search") if each.graph is not None else None
        if isinstance(named, list):
            found |= {(each.name, path) for path in named if isinstance(path, str) and search.is_path(path)}
    return sorted(found)


def read_time(query: dict[str, Any], name: str) -> int | None:
    """A time of the query in Unix milliseconds; raises ProblemError for what is none."""
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
    Parameter("version", "Version of the definition that it is on."),
    Parameter("reason", "Why it faulted, or waits for a decision: the stable reason, such as UNREACHED."),
    Parameter("step", "The step at which it waits or faulted: its name, or its JSON Pointer."),
    CONNECTION,
    Parameter(
        "retrying",
        "Only those with a failed step that waits for its next try; reason, step and connection mean that one.",
        text_of(("true",)),
    ),
    Parameter("data", "PATH=VALUE: a member of its input, such as customer.id=4711."),
    Parameter("find", "Its business key, or a field that its definition names in `document.metadata.search`."),
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
                        undo=TO_UNDO,
                        incidents={**list_of({"type": "object"}), "description": "Those that are open."},
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
        summary="Ask for an instance to be cancelled. What it has done is undone first, where its definition says how.",
        answers={202: object_of({"instance_id": TEXT})},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"reason": LINE}, actor=LINE, undo=UNDO)},
        verb="cancel",
    ),
    Route(
        method="POST",
        path="/v1/instances/known",
        handler=known_instances,
        summary="Say which of some instances have started already: an event that would start them starts nothing.",
        answers={200: object_of({"known": list_of(TEXT)})},
        problems=(400, 408, 413, 415, 422, 503),
        body={"application/json": object_of({"instance_ids": {**list_of(TEXT), "maxItems": MAX_ASKED}})},
        verb="publish",
    ),
)

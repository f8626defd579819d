"""`/v1/event-types`: the types of events with an Avro schema, those of the product and those of the business."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from schemas.business import EventType
from schemas.catalogue import current, text
from streams.definitions import event_types
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.bodies import LINE, one_line, read_body
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import services
from streams.ground.errors import UsageError

BRIEF: Schema = object_of(
    {
        "type": TEXT,
        "record": TEXT,
        "topic": TEXT,
        "own": {"type": "boolean"},
        "schema_id": {"type": ["integer", "null"]},
    }
)
ADDED: Schema = object_of(
    {"type": TEXT, "record": TEXT, "schema_id": {"type": "integer"}, "result": text_of(event_types.RESULTS)}
)


ADD_QUERY = (Parameter("actor", "Who declares it.", LINE),)


def _brief(each: EventType) -> dict[str, Any]:
    own = each.schema is not None
    told = {"type": each.type, "record": each.record, "topic": each.topic, "own": own}
    return {**told, "schema_id": each.schema_id if own else None}


async def list_event_types(request: web.Request) -> web.Response:
    """Every type with a schema, by name."""
    declared = services(request).types.declared
    return json_answer({"event_types": [_brief(declared[name]) for name in sorted(declared)]})


async def show_event_type(request: web.Request) -> web.Response:
    """One type with its schema."""
    found = services(request).types.declared.get(request.match_info["type"])
    if found is None:
        raise ProblemError(404, "not-found", "No event type of this name has a schema.")
    schema = json.loads(text(found.schema or current()[found.record]))
    return json_answer({**_brief(found), "schema": schema})


async def add_event_type(request: web.Request) -> web.Response:
    """Declares a type of events, or a new schema of one."""
    ours = services(request)
    try:
        avsc = (await read_body(request)).decode()
    except UnicodeDecodeError:
        raise ProblemError(400, "encoding", "The schema must be UTF-8 text.") from None
    by = one_line("actor", read_query(request, ADD_QUERY).get("actor", "api"))
    try:
        told = await event_types.add(ours.publisher, ours.codec, ours.types, avsc, by=by, at_ms=ours.now_ms())
    except event_types.IncompatibleError as error:
        raise ProblemError(409, "event-incompatible", str(error)) from None
    except UsageError as error:
        raise ProblemError(422, "event-type", str(error)) from None
    return json_answer(told, status=201)


ROUTES = (
    Route(
        method="GET",
        path="/v1/event-types",
        handler=list_event_types,
        summary="List the types of events that have an Avro schema.",
        answers={200: object_of({"event_types": list_of(BRIEF)})},
        problems=(),
        verb="events",
    ),
    Route(
        method="GET",
        path="/v1/event-types/{type}",
        handler=show_event_type,
        summary="Show a type of events with its schema.",
        answers={200: {"allOf": [BRIEF, object_of({"schema": {"type": "object"}})]}},
        problems=(404,),
        verb="events",
    ),
    Route(
        method="POST",
        path="/v1/event-types",
        handler=add_event_type,
        summary="Declare a type of events with an Avro schema, or a new schema of it that reads what was written.",
        answers={201: ADDED},
        problems=(400, 408, 409, 413, 415, 422, 503),
        body={"application/json": {"type": "object"}},
        query=ADD_QUERY,
        verb="events",
    ),
)

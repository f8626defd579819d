"""`/v1/functions`: what a definition can call."""

from __future__ import annotations

from aiohttp import web

from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.openapi import Route, Schema, list_of, object_of
from streams.gateway.own import hosted, known_functions
from streams.gateway.problems import ProblemError
from streams.gateway.services import services
from streams.processors.functions import brief, full

BRIEF: Schema = object_of(
    {
        "name": TEXT,
        "summary": TEXT,
        "effect": OPTIONAL_TEXT,
        "effect_note": OPTIONAL_TEXT,
        "carried_out_by": OPTIONAL_TEXT,
        "waits_for_people": {"type": "boolean"},
        "hosted": {"type": ["boolean", "null"]},
    }
)
ARGUMENT: Schema = object_of(
    {
        "name": TEXT,
        "summary": TEXT,
        "kind": TEXT,
        "required": {"type": "boolean"},
        "default": OPTIONAL_TEXT,
        "example": OPTIONAL_TEXT,
        "choices": list_of(TEXT),
        "members": list_of({"type": "object"}),
    }
)
FUNCTION: Schema = {
    "allOf": [
        BRIEF,
        object_of(
            {
                "arguments": list_of(ARGUMENT),
                "example": TEXT,
                "schema": {"type": "object"},
                "output": {"type": "object"},
            }
        ),
    ]
}


async def list_functions(request: web.Request) -> web.Response:
    """Every function: in the order of their owners, then own ones as they were announced."""
    known = await known_functions(services(request))
    there = await hosted(services(request), known)
    return json_answer({"functions": [brief(each, hosted=each.name in there) for each in known.values()]})


async def show_function(request: web.Request) -> web.Response:
    """One function with its arguments."""
    found = (await known_functions(services(request))).get(request.match_info["name"])
    if found is None:
        raise ProblemError(404, "not-found", "There is no function of this name.")
    there = await hosted(services(request), [found.name])
    return json_answer(full(found, hosted=found.name in there))


ROUTES = (
    Route(
        method="GET",
        path="/v1/functions",
        handler=list_functions,
        summary="List the functions that definitions can call.",
        answers={200: object_of({"functions": list_of(BRIEF)})},
        problems=(503,),
        verb="functions",
    ),
    Route(
        method="GET",
        path="/v1/functions/{name}",
        handler=show_function,
        summary="Show a function with its arguments and its output.",
        answers={200: FUNCTION},
        problems=(404, 503),
        verb="functions",
    ),
)

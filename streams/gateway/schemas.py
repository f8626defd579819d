"""`/v1/schemas/ids/{id}`: the schema behind an id on the wire, asked for as schema registries are asked.

So a subscriber's Avro client reads typed outcomes also where there is no registry.
"""

from __future__ import annotations

from aiohttp import web

from schemas.codec import UndecodableRecord
from schemas.registry import RegistryError
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.openapi import Route, object_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import services
from streams.ground.errors import UnavailableError

NOTHING = "No schema has this id."


async def show_schema(request: web.Request) -> web.Response:
    """The Avro schema behind an id."""
    id_ = request.match_info["id"]
    if not (id_.isascii() and id_.isdigit() and len(id_) <= 10 and int(id_) < 2**32):
        raise ProblemError(404, "not-found", NOTHING)
    try:
        return json_answer({"schema": await services(request).codec.text_of(int(id_))})
    except UndecodableRecord:
        raise ProblemError(404, "not-found", NOTHING) from None
    except RegistryError as error:
        raise UnavailableError(f"The schema registry does not answer: {error}") from None


ROUTES = (
    Route(
        method="GET",
        path="/v1/schemas/ids/{id}",
        handler=show_schema,
        summary="Show the Avro schema behind an id, as schema registries do.",
        answers={200: object_of({"schema": TEXT})},
        problems=(404, 503),
        for_systems=True,
    ),
)

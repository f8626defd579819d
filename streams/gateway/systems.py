"""`/v1/systems`: the outside systems that this site knows, and whether they are to be called."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from connectors.hub.connections import folded
from schemas.times import rfc3339
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.bodies import LINE, moment_to_come, one_line, read_object
from streams.gateway.openapi import Route, Schema, list_of, object_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services, services
from streams.processors.call.pauses import Pause

SYSTEM: Schema = object_of(
    {
        "name": TEXT,
        "address": OPTIONAL_TEXT,
        "concurrency": {"type": "integer"},
        "per_s": {"type": ["number", "null"]},
        "timeout_s": {"type": "number"},
        "patience_s": {"type": "number"},
        "paused": {"type": "boolean"},
    },
    until=OPTIONAL_TEXT,
    why=OPTIONAL_TEXT,
    actor=OPTIONAL_TEXT,
    since=OPTIONAL_TEXT,
    seen=object_of(
        {
            "breaker": {
                **OPTIONAL_TEXT,
                "description": "closed, open or half_open; null where nobody has told lately.",
            },
            "minutes": {"type": "integer", "description": "How long ago the calls began that are counted."},
            "calls": {"type": "integer"},
            "failed": {"type": "integer"},
            "mean_ms": {"type": ["integer", "null"]},
            "last_reason": OPTIONAL_TEXT,
            "last_failed": OPTIONAL_TEXT,
        }
    ),
)


async def list_systems(request: web.Request) -> web.Response:
    """Every connection of the site, and whatever else is paused or was called lately."""
    ours = services(request)
    return json_answer({"systems": [shown(ours, name) for name in names(ours)]})


async def show_system(request: web.Request) -> web.Response:
    """One connection, by its name."""
    ours = services(request)
    return json_answer(shown(ours, known(ours, request.match_info["name"])))


async def pause_system(request: web.Request) -> web.Response:
    """Lets no call to a system begin until a time, or until it is resumed."""
    ours = services(request)
    name = known(ours, request.match_info["name"])
    wish = await read_object(request, {"why": str, "until": str, "actor": str}, required=("why",))
    until_ms = None if wish.get("until") is None else moment_to_come("until", wish["until"], ours.now_ms())
    await say(ours, name, wish["why"], wish.get("actor"), paused=True, until_ms=until_ms)
    return json_answer(shown(ours, name))


async def resume_system(request: web.Request) -> web.Response:
    """Lets calls to a system begin again; they come back within a minute or so, not all at once."""
    ours = services(request)
    name = known(ours, request.match_info["name"])
    wish = await read_object(request, {"why": str, "actor": str}, required=("why",))
    await say(ours, name, wish["why"], wish.get("actor"), paused=False)
    return json_answer(shown(ours, name))


async def say(
    ours: Services, name: str, why: str, actor: str | None, *, paused: bool, until_ms: int | None = None
) -> None:
    """Pauses a system, or lets it be called again; raises ProblemError where nothing can be resumed."""
    if name not in {*ours.addresses.urls(), *ours.pauses.all()}:
        detail = f"Only a connection of the site can be paused: give {name} a name in connections.yaml, and call that."
        raise ProblemError(409, "no-connection", detail)
    if not paused and ours.pauses.of(name) is None:
        raise ProblemError(409, "not-paused", f"{name} is not paused.")
    pause = Pause(
        connection=name,
        paused=paused,
        until_ms=until_ms,
        why=one_line("why", why),
        actor=one_line("actor", actor or "api"),
        at_ms=ours.now_ms(),
    )
    await ours.publisher.publish([pause.outgoing(ours.codec)])
    ours.pauses.learn(pause)


def names(ours: Services) -> list[str]:
    """The systems that are known: of the site, paused, or called lately."""
    return sorted({*ours.addresses.urls(), *ours.pauses.all(), *ours.seen.names(ours.now_ms())})


def known(ours: Services, name: str) -> str:
    """The name as it is known; raises ProblemError (404)."""
    found = next((each for each in names(ours) if each in (name, folded(name))), None)
    if found is None:
        raise ProblemError(404, "not-found", "This site has no connection of this name.")
    return found


def shown(ours: Services, name: str) -> dict[str, Any]:
    """What is known of a system: what the site says, whether it is paused, and what its calls have seen."""
    limits, pause = ours.addresses.limits(name), ours.pauses.of(name)
    seen = ours.seen.of(name, ours.now_ms())
    last_ms = seen.pop("last_failed_ms")
    found: dict[str, Any] = {
        "name": name,
        "address": ours.addresses.address(name),
        "concurrency": limits.concurrency,
        "per_s": limits.per_s,
        "timeout_s": limits.try_s,
        "patience_s": limits.patience_s,
        "paused": pause is not None,
        "seen": {**seen, "last_failed": None if last_ms is None else rfc3339(last_ms)},
    }
    if pause is None:
        return found
    until = None if pause.until_ms is None else rfc3339(pause.until_ms)
    return {**found, "until": until, "why": pause.why, "actor": pause.actor, "since": rfc3339(pause.at_ms)}


ROUTES = (
    Route(
        method="GET",
        path="/v1/systems",
        handler=list_systems,
        summary="List the outside systems, and which of them are paused.",
        answers={200: object_of({"systems": list_of(SYSTEM)})},
        verb="systems",
    ),
    Route(
        method="GET",
        path="/v1/systems/{name}",
        handler=show_system,
        summary="Show an outside system.",
        answers={200: SYSTEM},
        problems=(404,),
        verb="systems",
    ),
    Route(
        method="POST",
        path="/v1/systems/{name}/pause",
        handler=pause_system,
        summary="Let no call to a system begin until a time, or until it is resumed.",
        answers={200: SYSTEM},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE}, until=TEXT, actor=LINE)},
        verb="systems",
    ),
    Route(
        method="POST",
        path="/v1/systems/{name}/resume",
        handler=resume_system,
        summary="Let calls to a system begin again.",
        answers={200: SYSTEM},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE}, actor=LINE)},
        verb="systems",
    ),
)

"""`/v1/instances/{id}/suspend`, `resume` and `move`: an instance stands still, goes on, or is on another definition.

The answer says what the engine made of it. Both are told in history, with who and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.lifecycle import TERMINAL, Phase
from schemas.messages import CONTROL_INSTANCE
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.awaiting import engine_words
from streams.gateway.bodies import LINE, idempotency_key, one_line, read_object
from streams.gateway.instances import known_instance
from streams.gateway.openapi import Route, Schema, object_of
from streams.gateway.problems import ProblemError
from streams.gateway.repairs import deployed_digest
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.processors.orchestrate import INBOX

MOST_PLACES = 100
TOLD = frozenset(
    {Phase.WORKFLOW_SUSPENDED, Phase.WORKFLOW_RESUMED, Phase.WORKFLOW_MOVED, Phase.CONTROL_REFUSED},
)  # fmt: skip
Fields = dict[str, Any]


async def suspend_instance(request: web.Request) -> web.Response:
    """The instance takes results in and starts nothing, until it is resumed."""
    return await _answered(request, "suspend")


async def resume_instance(request: web.Request) -> web.Response:
    """The instance goes on."""
    return await _answered(request, "resume")


async def move_instance(request: web.Request) -> web.Response:
    """The instance goes on with another deployed version of its workflow."""
    return await _answered(request, "move", definition=str, places=dict)


async def _answered(request: web.Request, action: str, **members: type) -> web.Response:
    ours = services(request)
    required = ("why", "definition") if "definition" in members else ("why",)
    wish = await read_object(request, {"why": str, "actor": str, **members}, required)
    row = await known_instance(request)
    told = await control(ours, row, action, wish, idempotency_key(request))
    return json_answer(told, status=202 if told["taken"] is None else 200)


async def control(ours: Services, row: Mapping[str, Any], action: str, wish: Fields, name: str) -> Fields:
    """Publishes a wish and tells what the engine made of it so far, under the name of the wish; raises ProblemError
    where it was refused.
    """
    why, actor = one_line("why", wish["why"]), one_line("actor", wish.get("actor") or "api")
    if row["status"] in TERMINAL:
        raise ProblemError(409, "ended", f"The instance has ended: {row['status']}.")
    digest = deployed_digest(ours, row["workflow"], wish["definition"]) if action == "move" else None
    fields: Fields = {
        "instance_id": row["instance_id"], "control_id": name, "action": action, "digest": digest,
        "places": _places(wish.get("places") or {}), "why": why, "actor": actor,
    }  # fmt: skip
    key = row["instance_id"].encode()
    await ours.publisher.publish([Outgoing(INBOX, key, ours.codec.encode(CONTROL_INSTANCE, fields))])
    word = (await engine_words(ours, row, "control", TOLD, [name]))[name]
    if word["taken"] is False:
        raise ProblemError(409, "refused", f"Refused: {word['detail']}.")
    return {"instance_id": row["instance_id"], **word}


def _places(places: Mapping[str, Any]) -> dict[str, str]:
    fits = all(isinstance(to, str) and to[:1] == "/" and place[:1] == "/" for place, to in places.items())
    if not fits or len(places) > MOST_PLACES:
        detail = f"places says of at most {MOST_PLACES} tasks where they stand, both as JSON Pointers"
        raise ProblemError(422, "request-invalid", detail)
    return dict(places)


_ANSWER: Schema = object_of({"instance_id": TEXT, "taken": {"type": ["boolean", "null"]}, "detail": OPTIONAL_TEXT})


def _route(verb: str, handler: Any, summary: str, required: Schema, **more: Schema) -> Route:
    return Route(
        method="POST",
        path=f"/v1/instances/{{instance_id}}/{verb}",
        handler=handler,
        summary=summary + " 202: taken note of, but the engine has not said yet what became of it.",
        answers={200: _ANSWER, 202: _ANSWER},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE, **required}, actor=LINE, **more)},
        verb=verb,
    )


ROUTES = (
    _route("suspend", suspend_instance, "Let an instance stand still: it takes results in and starts nothing.", {}),
    _route("resume", resume_instance, "Let a suspended instance go on.", {}),
    _route(
        "move",
        move_instance,
        "Let an instance go on with another deployed version of its workflow.",
        {"definition": TEXT},
        places={
            "type": "object",
            "description": "Open tasks that stand elsewhere: pointers by those before.",
        },
    ),
)

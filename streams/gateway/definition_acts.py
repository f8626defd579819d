"""`/v1/definitions/{name}/pause`, `activate` and `retire`: whether a workflow may start instances, and on what."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from streams.definitions.deploy import put_in_front
from streams.definitions.states import State, Word, say
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.bodies import LINE, one_line, read_object
from streams.gateway.definitions import meant
from streams.gateway.openapi import Route, Schema, object_of, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services, services

SAID: Schema = object_of({"name": TEXT, "state": text_of(State), "version": TEXT, "digest": TEXT}, was=text_of(State))


async def pause_definition(request: web.Request) -> web.Response:
    """Has the events of a workflow wait."""
    return await _said(request, State.PAUSED)


async def activate_definition(request: web.Request) -> web.Response:
    """Has a workflow start instances again, also on another of its versions."""
    return await _said(request, State.ACTIVE, version=str)


async def retire_definition(request: web.Request) -> web.Response:
    """Has a workflow start nothing any more."""
    return await _said(request, State.RETIRED)


async def _said(request: web.Request, state: State, **more: type) -> web.Response:
    ours, name = services(request), request.match_info["name"]
    wish = await read_object(request, {"why": str, "actor": str, **more}, required=("why",))
    return json_answer(await bring(ours, name, state, wish["why"], wish.get("actor") or "api", wish.get("version")))


async def bring(
    ours: Services, name: str, state: State, why: str, actor: str, version: str | None = None
) -> dict[str, Any]:
    """Brings a workflow into a state, and has it start on a version if that is named; raises ProblemError."""
    why, actor = one_line("why", why), one_line("actor", actor)
    wanted = meant(ours, name, version)
    if wanted.name != name:
        raise ProblemError(404, "not-found", "No workflow of this name is deployed, or not yet.")
    latest, was = ours.definitions.find(name), ours.definitions.state(name)
    moves = latest is None or latest.digest != wanted.digest
    if state is was and not moves:
        raise ProblemError(409, "already", f"{name} is {state} already.")
    if wanted.graph is None and (moves or state is State.ACTIVE):
        raise ProblemError(409, "broken", f"{name} {wanted.version} cannot run any more: {wanted.fault}")
    if moves and wanted.graph is not None:
        told = await put_in_front(ours.publisher, ours.codec, wanted.graph, wanted.yaml, wanted.outcome, by=actor)
        ours.definitions.learn(told)
    word = Word(name=name, state=state, why=why, actor=actor, at_ms=ours.now_ms())
    await say(ours.publisher, ours.codec, word)
    ours.definitions.learn_state(msgspec.structs.asdict(word))
    return {"name": name, "state": state, "was": was, "version": wanted.version, "digest": wanted.digest}


def _route(verb: str, handler: Any, summary: str, **members: Schema) -> Route:
    return Route(
        method="POST",
        path=f"/v1/definitions/{{name}}/{verb}",
        handler=handler,
        summary=summary,
        answers={200: SAID},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE}, actor=LINE, **members)},
        verb="definitions",
    )


ROUTES = (
    _route("pause", pause_definition, "Let a workflow start nothing for a while; its events wait."),
    _route(
        "activate", activate_definition, "Let a workflow start instances, also on a version before.",
        version=OPTIONAL_TEXT,
    ),
    _route("retire", retire_definition, "Let a workflow start nothing any more; its events are counted."),
)  # fmt: skip

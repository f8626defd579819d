"""`/v1/instances/{id}/rerun`: the same case once more, as an instance of its own: from the start, or from a task.

What is asked under one name starts one instance, however often it is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.ids import instance_id
from schemas.messages import START_INSTANCE
from schemas.payload import Door, Payload
from streams.definitions.states import State
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.bodies import LINE, idempotency_key, one_line, read_object
from streams.gateway.instances import known_instance
from streams.gateway.openapi import Route, object_of
from streams.gateway.problems import ProblemError
from streams.gateway.repairs import LATEST, deployed_digest
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.language.graph import Graph
from streams.processors.orchestrate import INBOX

Fields = dict[str, Any]


async def rerun_instance(request: web.Request) -> web.Response:
    """Starts an instance with what another was started with, or with other input."""
    members = {"why": str, "actor": str, "definition": str, "input": object, "task": str, "context": dict}
    wish = await read_object(request, members, ("why",))
    row = await known_instance(request)
    started = await rerun(services(request), row, wish, idempotency_key(request))
    return json_answer({"instance_id": row["instance_id"], "started": started}, status=202)


async def rerun(ours: Services, row: Mapping[str, Any], wish: Fields, name: str) -> str:
    """Publishes the start and gives the id of the instance; raises ProblemError where nothing can start."""
    why, actor = one_line("why", wish["why"]), one_line("actor", wish.get("actor") or "api")
    workflow = row["workflow"]
    if (state := ours.definitions.state(workflow)) is not State.ACTIVE:
        raise ProblemError(409, "not-active", f"{workflow} is {state}, so nothing starts: activate it first.")
    graph = ours.definitions.graph(deployed_digest(ours, workflow, wish.get("definition") or LATEST))
    assert graph is not None
    before = await _start_of(ours, row["instance_id"])
    task = None if wish.get("task") is None else _place(graph, wish["task"])
    if task is not None and "input" not in wish:
        raise ProblemError(422, "request-invalid", "Say with which input the task is to begin.")
    if task is None and wish.get("context") is not None:
        raise ProblemError(422, "request-invalid", "A context is for a rerun from a task: at the start there is none.")
    started = instance_id(workflow, before["source"], f"{before['event_id']}\0rerun\0{row['instance_id']}\0{name}")
    given = {part: _data(part, wish[part]) for part in ("input", "context") if part in wish}
    parts = {"input": None, "context": None} | (given if task is not None else {})
    told = {"of": row["instance_id"], "task": task, "why": why, "actor": actor, **parts}
    on = {"version": graph.version, "digest": graph.digest}
    fields = before | on | {"instance_id": started, "rerun": told}
    if task is None and "input" in given:
        fields["data"] = given["input"]
    value = ours.codec.encode(START_INSTANCE, fields)
    if len(value) > MAX_WRITTEN_BYTES:
        raise ProblemError(413, "too-large", f"A start has at most {MAX_WRITTEN_BYTES} bytes.")
    await ours.publisher.publish([Outgoing(INBOX, started.encode(), value)])
    return started


async def _start_of(ours: Services, instance: str) -> Fields:
    """What an instance was started with."""
    for found in await asyncio.to_thread(ours.reader.history, instance, limit=1):
        _, entry = await ours.codec.decode_learning(found["message"])
        name, cause = await ours.codec.decode_learning(entry["cause"])
        if entry["seq"] == 0 and name == START_INSTANCE:
            return cause
    raise ProblemError(409, "no-start", "What the instance was started with is not kept any more.")


def _place(graph: Graph, wanted: str) -> str:
    """The pointer of a task of the outermost list, by its name or pointer."""
    places = {task.name: task.pointer for task in graph.tasks if task.parent == 0}
    if wanted in places.values():
        return wanted
    if wanted not in places:
        detail = f"A rerun begins at a task of the outermost list, one of {', '.join(places)}."
        raise ProblemError(422, "request-invalid", detail)
    return places[wanted]


def _data(name: str, value: Any) -> Payload:
    try:
        return Payload.from_outside(value, Door.EDIT)
    except (TypeError, RecursionError) as error:
        raise ProblemError(422, "request-invalid", f"{name} cannot be written as JSON: {error}") from None


ROUTES = (
    Route(
        method="POST",
        path="/v1/instances/{instance_id}/rerun",
        handler=rerun_instance,
        summary="Run the case of an instance once more, as another instance: from the start, or from a task.",
        answers={202: object_of({"instance_id": TEXT, "started": TEXT})},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={
            "application/json": object_of(
                {"why": LINE}, actor=LINE, definition=TEXT, input={}, task=TEXT, context={"type": "object"}
            )
        },
        verb="rerun",
    ),
)

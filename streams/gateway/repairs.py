"""`/v1/instances/{id}/retry`, `skip` and `fail`: decisions about the incidents of an instance.

Each incident gets a decision of its own, by its number, so that nothing is decided twice however often it is asked.
The answer says of each what the engine made of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.lifecycle import TERMINAL, Phase
from schemas.messages import REPAIR_STEP
from schemas.payload import Door, Payload
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.awaiting import engine_words
from streams.gateway.bodies import LINE, idempotency_key, one_line, read_object
from streams.gateway.instances import known_instance
from streams.gateway.openapi import Route, Schema, list_of, object_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services, services
from streams.gateway.undoing import UNDO
from streams.ground.publish import Outgoing
from streams.ground.topic import MAX_RECORD_BYTES
from streams.processors.orchestrate import INBOX

LATEST = "latest"
KEPT_KEY, NEW_KEY = "kept", "new"
TOLD = frozenset({Phase.TASK_RETRIED, Phase.INCIDENT_SKIPPED, Phase.INCIDENT_FAILED, Phase.REPAIR_REFUSED})
COMMON: Mapping[str, type] = {"why": str, "actor": str, "task": str, "incident": str}
Fields = dict[str, Any]


async def retry_instance(request: web.Request) -> web.Response:
    """Failed steps are done again, with other input or on a corrected definition if told so."""
    wish = await read_object(request, {**COMMON, "input": object, "new_key": bool, "definition": str}, ("why",))
    row = await known_instance(request)
    more: Fields = {"key": NEW_KEY if wish.get("new_key") else KEPT_KEY}
    if wish.get("input") is not None:
        more["input"] = _data(wish["input"])
    if wish.get("definition") is not None:
        more["digest"] = deployed_digest(services(request), row["workflow"], wish["definition"])
    return await _decided(request, row, wish, "retry", more, alone="input" in more)


async def skip_instance(request: web.Request) -> web.Response:
    """A failed step is left out: what it would have given is given."""
    wish = await read_object(request, {**COMMON, "output": object}, ("why",))
    more = {"output": _data(wish.get("output"))}
    return await _decided(request, await known_instance(request), wish, "skip", more, alone=True)


async def fail_instance(request: web.Request) -> web.Response:
    """The instance ends with the error of a failed step, past every `catch`."""
    wish = await read_object(request, {**COMMON, "undo": bool}, ("why",))
    more = {"undo": wish.get("undo") is not False}
    return await _decided(request, await known_instance(request), wish, "fail", more, alone=False)


async def _decided(
    request: web.Request, row: Mapping[str, Any], wish: Fields, action: str, more: Fields, *, alone: bool
) -> web.Response:
    name = idempotency_key(request)
    told = await repair(services(request), row, wish, action, more, name, alone=alone)
    known = all(each["taken"] is not None for each in told)
    return json_answer({"instance_id": row["instance_id"], "repairs": told}, status=200 if known else 202)


async def repair(
    ours: Services, row: Mapping[str, Any], wish: Fields, action: str, more: Fields, name: str, *, alone: bool = False
) -> list[Fields]:
    """Publishes a decision about each incident that is meant, and tells what the engine made of it so far; raises
    ProblemError where nothing is decided. `name` is that of the wish, however often it comes.
    """
    instance_id = row["instance_id"]
    why, actor = one_line("why", wish["why"]), one_line("actor", wish.get("actor") or "api")
    wanted = await _wanted(ours, row, wish)
    if alone and len(wanted) > 1:
        tasks = ", ".join(each["pointer"] for each in wanted)
        raise ProblemError(422, "request-invalid", f"There are several incidents: name the task, one of {tasks}.")
    if action == "fail":
        wanted = wanted[:1]  # the instance has one end
    said = {"action": action, "why": why, "actor": actor, **_NOTHING, **more}
    repairs = {}
    for each in wanted:
        number = int(each["incident_id"].rpartition("/")[2])
        repairs[f"{name}#{number}"] = {**said, "instance_id": instance_id, "incident": number}
    await ours.publisher.publish([_outgoing(ours, repair_id, fields) for repair_id, fields in repairs.items()])
    words = await engine_words(ours, row, "repair", TOLD, repairs.keys())
    told = [
        {"incident_id": each["incident_id"], "pointer": each["pointer"], **words[repair_id]}
        for each, repair_id in zip(wanted, repairs, strict=True)
    ]
    if len(told) == 1 and told[0]["taken"] is False:
        raise ProblemError(409, "refused", f"Refused: {told[0]['detail']}.")
    return told


_NOTHING: Mapping[str, Any] = {"input": None, "output": None, "key": KEPT_KEY, "digest": None}


async def _wanted(ours: Services, row: Mapping[str, Any], wish: Fields) -> list[Mapping[str, Any]]:
    """The open incidents that are meant; raises ProblemError where there is none."""
    if row["status"] in TERMINAL:
        raise ProblemError(409, "ended", f"The instance has ended: {row['status']}.")
    found = await asyncio.to_thread(ours.reader.open_incidents, [row["instance_id"]])
    if not found:
        raise ProblemError(409, "no-incident", f"The instance has no open incident; it is {row['status']}.")
    task, incident = wish.get("task"), wish.get("incident")
    wanted = [each for each in found if task in (None, each["pointer"]) and incident in (None, each["incident_id"])]
    if not wanted:
        tasks = ", ".join(each["pointer"] for each in found)
        raise ProblemError(409, "no-incident", f"No open incident is meant by that; there are some at {tasks}.")
    return wanted


def _outgoing(ours: Services, repair_id: str, fields: Fields) -> Outgoing:
    value = ours.codec.encode(REPAIR_STEP, {"repair_id": repair_id, **fields})
    if len(value) > MAX_RECORD_BYTES:
        raise ProblemError(413, "too-large", f"A decision has at most {MAX_RECORD_BYTES} bytes.")
    return Outgoing(INBOX, fields["instance_id"].encode(), value)


def _data(value: Any) -> Payload:
    try:
        return Payload.from_outside(value, Door.ANSWER)
    except TypeError as error:
        raise ProblemError(422, "request-invalid", f"the data cannot be written as JSON: {error}") from None


def deployed_digest(ours: Services, workflow: str, wanted: str) -> str:
    """The deployed definition of a workflow that is meant by a digest, a version or `latest`."""
    if wanted == LATEST and (newest := ours.definitions.latest(workflow)) is not None:
        return newest.digest
    deployed = ours.definitions.named(workflow, wanted)
    graph = ours.definitions.graph(wanted if deployed is None else deployed.digest)
    if graph is not None and graph.name == workflow and ours.definitions.removal(graph.digest) is None:
        return graph.digest
    raise ProblemError(
        422, "definition-unknown", f"No definition of {workflow} is known by this digest or version: deploy it first."
    )


_TAKEN: Schema = object_of(
    {"incident_id": TEXT, "pointer": TEXT, "taken": {"type": ["boolean", "null"]}, "detail": OPTIONAL_TEXT}
)
_ANSWER: Schema = object_of({"instance_id": TEXT, "repairs": list_of(_TAKEN)})
_COMMON: Mapping[str, Schema] = {"actor": LINE, "task": TEXT, "incident": TEXT}


def _route(verb: str, handler: Any, summary: str, **members: Schema) -> Route:
    return Route(
        method="POST",
        path=f"/v1/instances/{{instance_id}}/{verb}",
        handler=handler,
        summary=summary + " 202: taken note of, but the engine has not said yet what became of it.",
        answers={200: _ANSWER, 202: _ANSWER},
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE}, **_COMMON, **members)},
        verb=verb,
    )


ROUTES = (
    _route(
        "retry",
        retry_instance,
        "Do the failed steps of an instance again.",
        input={"type": "object"},
        new_key={"type": "boolean"},
        definition=TEXT,
    ),
    _route("skip", skip_instance, "Leave a failed step out and give what it would have given.", output={}),
    _route(
        "fail",
        fail_instance,
        "End an instance with the error of a failed step, past every catch; what it has done is undone first.",
        undo=UNDO,
    ),
)

"""`/v1/events` and `/v1/hooks/{name}`: a business event is accepted, which means that Kafka has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from schemas import ids
from schemas.business import EncodedEvent
from schemas.cloudevents import CloudEvent
from schemas.cloudevents_http import BATCH, STRUCTURED, parse_request
from schemas.jsontext import text_at
from schemas.payload import Json
from schemas.times import rfc3339
from streams.definitions.states import State
from streams.gateway import metrics, signatures
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.bodies import parse_json, read_body, require_json
from streams.gateway.hooks import Hook
from streams.gateway.openapi import Route, Schema, list_of, object_of
from streams.gateway.problems import ProblemError, problem_of
from streams.gateway.services import Services, services
from streams.gateway.webhooks import InvalidSignatureError, verify
from streams.ground.publish import Outgoing
from streams.ground.topic import MAX_RECORD_BYTES
from streams.processors.intake import business_topic
from streams.processors.intake.backlog import LOOK_S

EVENT: Schema = object_of(
    {"specversion": {"const": "1.0"}, "id": TEXT, "source": TEXT, "type": TEXT}, subject=TEXT, data={}
)
INSTANCE: Schema = object_of(
    {"workflow": TEXT, "instance_id": TEXT},
    held={"const": True, "description": "Its workflow is paused: it starts once that is active again."},
)
ACCEPTED: Schema = object_of(
    {
        "accepted": list_of(object_of({"id": TEXT, "source": TEXT, "instances": list_of(INSTANCE)})),
        "unmatched": {"type": "integer", "description": "How many of them no workflow waits for."},
    }
)
PROBLEMS = (400, 408, 413, 415, 422, 503)


async def publish_events(request: web.Request) -> web.Response:
    """One event (structured or binary mode) or a batch; all or none."""
    try:
        events = parse_request(request.headers.items(), await read_body(request))
        return await _accept(services(request), events)
    except Exception as error:
        _count_refusal(error, request)
        raise


async def receive_webhook(request: web.Request) -> web.Response:
    """A signed webhook; its body becomes the data of the event."""
    try:
        return await _receive(request)
    except Exception as error:
        _count_refusal(error, request)
        raise


async def _receive(request: web.Request) -> web.Response:
    ours = services(request)
    hook = ours.hooks.get(request.match_info["name"])
    if hook is None:
        raise ProblemError(404, "not-found", "There is no hook of this name.")
    body = await read_body(request)
    try:
        if hook.scheme is None:
            delivery = verify(hook.secrets, request.headers, body, ours.clock())
        else:
            delivery = signatures.verify(hook.scheme, hook.secrets, request.headers, body, ours.clock())
    except InvalidSignatureError as error:
        raise ProblemError(401, "signature", f"Not accepted: {error}.") from None
    require_json(request)
    data = parse_json(body)
    if (challenge := _challenge(hook, data)) is not None:
        return json_answer({"challenge": challenge})
    attributes = {
        "specversion": "1.0",
        "id": delivery.id or signatures.event_id(hook.id, data, body),
        "source": hook.source,
        "type": hook.type,
        "time": rfc3339(1_000 * delivery.timestamp_s),
    }
    subject = text_at(data, hook.subject)
    return await _accept(ours, [CloudEvent(attributes | ({"subject": subject} if subject else {}), data)])


def _challenge(hook: Hook, data: Json) -> str | None:
    """What a sender wants to hear before it sends events, if it asks for that now."""
    expected = hook.scheme.challenge if hook.scheme is not None else ""
    return text_at(data, "/challenge") if expected and text_at(data, "/type") == expected else None


async def _accept(ours: Services, events: Sequence[CloudEvent]) -> web.Response:
    accepted, unmatched = await accept(ours, events)
    return json_answer({"accepted": accepted, "unmatched": unmatched}, status=202)


async def accept(ours: Services, events: Sequence[CloudEvent]) -> tuple[list[dict[str, Any]], int]:
    """Publishes events; gives what names each and the instances that it starts, and how many nobody waits for, once
    Kafka has all of them. Where too much waits before the engine, none is taken.
    """
    encoded = [ours.types.encode_event(ours.codec, event) for event in events]
    if (why := ours.backlog.too_long()) is not None:
        detail = f"No new events now: {why}. What runs goes on; try again later."
        raise ProblemError(503, "overloaded", detail, headers={"Retry-After": str(int(LOOK_S))})
    await ours.publisher.publish([_outgoing(each) for each in encoded])
    metrics.ACCEPTED.labels("accepted").inc(len(events))
    unmatched = sum(not ours.definitions.is_awaited(event.attributes) for event in events)
    metrics.UNMATCHED.inc(unmatched)
    return [_receipt(ours, event) for event in events], unmatched


def _outgoing(event: EncodedEvent) -> Outgoing:
    if len(event.value) > MAX_RECORD_BYTES:
        raise ProblemError(413, "too-large", f"An event has at most {MAX_RECORD_BYTES} bytes.")
    return Outgoing(business_topic(event.topic), event.key, event.value, event.headers)


def _receipt(ours: Services, event: CloudEvent) -> dict[str, Any]:
    """What names the event, and the instances that it starts by the definitions known here and now."""
    started: list[dict[str, Any]] = []
    for graph in ours.definitions.started_by(event.attributes):
        state = ours.definitions.state(graph.name)
        if state is not State.RETIRED:
            each = {"workflow": graph.name, "instance_id": ids.instance_id(graph.name, event.source, event.id)}
            started.append(each | ({"held": True} if state is State.PAUSED else {}))
    return {"id": event.id, "source": event.source, "instances": started}


def _count_refusal(error: Exception, request: web.Request) -> None:
    status = str(error.status) if isinstance(error, ProblemError) else str(problem_of(error, request).status)
    metrics.ACCEPTED.labels(status).inc()


ROUTES = (
    Route(
        method="POST",
        path="/v1/events",
        handler=publish_events,
        summary="Publish business events as CloudEvents: structured, binary (ce- headers) or batch.",
        answers={202: ACCEPTED},
        problems=PROBLEMS,
        body={STRUCTURED: EVENT, BATCH: list_of(EVENT), "application/json": {}},
        verb="publish",
    ),
    Route(
        method="POST",
        path="/v1/hooks/{name}",
        handler=receive_webhook,
        summary="Receive a webhook, signed as its hook says: Standard Webhooks, or a scheme of its sender.",
        answers={202: ACCEPTED, 200: object_of({"challenge": TEXT})},
        problems=(*PROBLEMS, 404),
        body={"application/json": {}},
        open=True,  # the signature is the proof
        for_systems=True,
    ),
)

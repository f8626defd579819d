"""`/v1/truth` and `/v1/model-watches`: what would have been right, and how models do by it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from schemas.catalogue import current
from schemas.cloudevents import DataFault
from schemas.ids import INSTANCE_ID_LENGTH, instance_of
from schemas.messages import MODEL_WATCH, TRUTH
from schemas.steps import address_of
from streams.gateway.answers import UNREADABLE, json_answer
from streams.gateway.bodies import LINE, one_line, read_object
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query
from streams.gateway.problems import ProblemError, data_faults
from streams.gateway.services import services
from streams.ground.publish import Outgoing
from streams.processors import monitor
from streams.readmodel import presentation
from streams.readmodel.stored import stored

MOST = 1_000  # truths in a request
MAX_ID_LENGTH = 2_000
IMPORT = "import"
MEMBERS = ("decision_id", "label", "source", "actor", "at")

WATCH: Schema = object_of(presentation.json_schema(current()[MODEL_WATCH]))
ONE: Schema = object_of(
    {"decision_id": {"type": "string"}, "label": LINE}, source=LINE, actor=LINE, at={"type": "string"}
)


async def tell_truth(request: web.Request) -> web.Response:
    """Takes note of what would have been right in cases that were decided."""
    ours = services(request)
    body = await read_object(request, {"truths": list}, ("truths",))
    if len(body["truths"]) > MOST:
        raise ProblemError(422, "request-invalid", f"At most {MOST} truths in a request; send the others in another.")
    read = [_read(number, each, ours.now_ms()) for number, each in enumerate(body["truths"])]
    outgoing = [
        Outgoing(monitor.TRUTH, instance_of(each["decision_id"]).encode(), ours.codec.encode(TRUTH, each))
        for each in read
    ]
    await ours.publisher.publish(outgoing)
    return json_answer({"taken": len(outgoing)}, status=202)


async def list_watches(request: web.Request) -> web.Response:
    """How models do by their audits, by route and certificate."""
    ours = services(request)
    query = read_query(request, WATCH_QUERY)
    rows = await asyncio.to_thread(ours.reader.model_watches, query.get("model"))
    found = await stored(ours.codec, rows)
    return json_answer(
        {"watches": [presentation.message(each) for each in found.messages], "unreadable": found.unreadable}
    )


def _read(number: int, given: Any, now_ms: int) -> dict[str, Any]:
    """The fields of a Truth. Its id follows from what it says, so the same one sent again is the same one."""
    place = f"truths[{number}]"
    if not isinstance(given, Mapping) or not all(isinstance(value, str) for value in given.values()):
        raise _fault(place, "must be an object of texts")
    if strange := [name for name in given if name not in MEMBERS]:
        raise _fault(f"{place}.{strange[0][:50]}", "is no member of a truth")
    decision_id, label = given.get("decision_id", ""), one_line(f"{place}.label", given.get("label", ""))
    source = one_line(f"{place}.source", given.get("source", IMPORT))
    if not _is_decision(decision_id):
        raise _fault(f"{place}.decision_id", "is no id of a decision: give `decisionId` of its result")
    at_ms = _time(f"{place}.at", given["at"]) if "at" in given else None
    said = "\0".join((decision_id, label, source, str(at_ms)))
    return {
        "truth_id": f"truth/{hashlib.sha256(said.encode()).hexdigest()[:32]}",
        "decision_id": decision_id,
        "label": label,
        "source": source,
        "actor": one_line(f"{place}.actor", given.get("actor", "api")),
        "at_ms": now_ms if at_ms is None else at_ms,
    }


def _is_decision(text: str) -> bool:
    try:
        address_of(text)
        int(instance_of(text), 16)
    except ValueError:
        return False
    return len(instance_of(text)) == INSTANCE_ID_LENGTH and len(text) <= MAX_ID_LENGTH


def _time(name: str, text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return int(at.timestamp() * 1_000)
    except (ValueError, OverflowError):
        pass
    raise _fault(name, "must be a time with its zone, such as 2026-01-31T12:00:00Z")


def _fault(name: str, reason: str) -> ProblemError:
    fault = DataFault(name, reason)
    return ProblemError(422, "request-invalid", str(fault), faults=data_faults([fault]))


WATCH_QUERY = (Parameter("model", "Name of the model."),)

ROUTES = (
    Route(
        method="POST",
        path="/v1/truth",
        handler=tell_truth,
        summary="Tell what would have been right in cases that were decided. The same one sent again counts once.",
        answers={202: object_of({"taken": {"type": "integer"}})},
        problems=(400, 408, 413, 415, 422, 503),
        body={"application/json": object_of({"truths": {**list_of(ONE), "maxItems": MOST}})},
        verb="truth import",
    ),
    Route(
        method="GET",
        path="/v1/model-watches",
        handler=list_watches,
        summary="Show how models do by their audits: audited, wrong, and the evidence for too large an error.",
        answers={200: object_of({"watches": list_of(WATCH), "unreadable": UNREADABLE})},
        problems=(400, 503),
        query=WATCH_QUERY,
        verb="models watch",
    ),
)

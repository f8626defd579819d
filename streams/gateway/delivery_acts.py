"""`/v1/deliveries/{instance_id}/{number}/redeliver`: a webhook is sent once more, under the id that it has.

What is still the business of its step stays that: a try that waits for its time begins now, and a step that waits for a
decision is done again, so that its instance goes on. Whatever else was sent, or has failed, is sent from here, beside
the step; who wanted it and what came of it is on record.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from connectors.hub.contract import HubCall, Plan
from connectors.hub.outcome import to_problem
from connectors.hub.pipeline import USUAL
from connectors.webhook import GONE, SEND
from schemas.messages import REDELIVERY
from schemas.payload import UnreadablePayloadError
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.bodies import LINE, idempotency_key, one_line, read_object
from streams.gateway.deliveries import ERROR, incidents_of, known_delivery, status_of
from streams.gateway.hurrying import hurry
from streams.gateway.openapi import Route, object_of, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.repairs import KEPT_KEY, repair
from streams.gateway.services import Services, services
from streams.ground.publish import Outgoing
from streams.processors.call import REDELIVERIES
from streams.processors.call.deliveries import DELIVERED, FAILED, HELD, SENDING, WAITING, Delivery
from streams.processors.call.gone import pause_of
from streams.readmodel.paging import Found
from streams.readmodel.stored import stored

SENT, HURRIED, RETRIED = "sent", "hurried", "retried"
BEGUN, ASKED = "begun", "asked"


async def redeliver(request: web.Request) -> web.Response:
    """Has a webhook sent once more, and says how, and what came of it."""
    wish = await read_object(request, {"why": str, "actor": str}, ("why",))
    said = {"why": one_line("why", wish["why"]), "actor": one_line("actor", wish.get("actor") or "api")}
    name = idempotency_key(request)
    row, delivery = await known_delivery(request)
    did = await sent_again(services(request), row, delivery, said, name)
    return json_answer(did, status=202 if did["result"] == ASKED else 200)


async def sent_again(
    ours: Services, row: Found, delivery: Delivery, said: Mapping[str, str], name: str
) -> dict[str, Any]:
    """Has a delivery sent once more: how (`did`), and what came of it (`result`, `error`). `said` is who wants it and
    why, `name` that of the wish, however often it comes. Raises ProblemError where it is not sent.
    """
    status = status_of(ours, delivery)
    about = {
        "delivery_id": f"{row['instance_id']}/{delivery.number}",
        "message_id": delivery.message_id,
        "error": None,
    }
    if status in (SENDING, HELD):
        paused = f"; {delivery.connection} is paused, and exlify systems resume lets it go on" if status == HELD else ""
        raise ProblemError(409, "under-way", f"It is being sent already{paused}.")
    if status == WAITING:
        (told, *_) = await hurry(ours, row, {"task": delivery.pointer}, said["why"], said["actor"])
        return {**about, "did": HURRIED, "result": BEGUN if told["begun"] else ASKED}
    incidents = await incidents_of(ours, [row["instance_id"]]) if status == FAILED else {}
    incident = incidents.get((row["instance_id"], *delivery.step[:2]))
    if incident is not None:
        (word,) = await repair(ours, row, {**said, "incident": incident}, "retry", {"key": KEPT_KEY}, name)
        return {**about, "did": RETRIED, "result": BEGUN if word["taken"] else ASKED}
    ended = await _sent(ours, row, delivery, said, name)
    return {**about, "did": SENT, "result": ended["status"], "error": ended["error"]}


async def _sent(
    ours: Services, row: Found, delivery: Delivery, said: Mapping[str, str], name: str
) -> Mapping[str, Any]:
    """What came of sending it here and now, once for each name; raises ProblemError where nothing was sent."""
    known = {
        "instance_id": row["instance_id"],
        "redelivery_id": f"{name}#{delivery.number}",
        "message_id": delivery.message_id,
        "connection": delivery.connection,
        "code": None,
        "error": None,
        **said,
    }
    rows = await asyncio.to_thread(ours.reader.redeliveries, [row["instance_id"]])
    for before in (await stored(ours.codec, rows)).messages:
        if before["redelivery_id"] == known["redelivery_id"] and before["status"] != SENDING:
            return before
    begun = False

    async def before_send(_: Plan[Any]) -> None:
        nonlocal begun
        if not begun:
            await _told(ours, {**known, "seq": 0, "status": SENDING})
            begun = True

    try:
        arguments = delivery.arguments.value()
    except UnreadablePayloadError as error:
        raise ProblemError(409, "history", f"What was sent cannot be read: {error}.") from None
    until_ms = int(time.time() * 1_000) + int(USUAL.total_timeout_s * 1_000)  # somebody waits for the answer
    call = HubCall(function=SEND.name, arguments=arguments, key=delivery.key, deadline_ms=until_ms)
    outcome = await ours.hub.carry_out(call, before_send)
    if not begun:
        raise ProblemError(409, "not-sent", f"Nothing was sent: {outcome.detail}.")
    ended: dict[str, Any] = {**known, "seq": 1, "status": FAILED, "error": to_problem(outcome, delivery.pointer)}
    if outcome.ok:
        ended |= {"status": DELIVERED, "code": outcome.output.get("status"), "error": None}
    await _told(ours, ended)
    if outcome.status == GONE and ours.pauses.of(delivery.connection) is None:
        pause = pause_of(delivery.connection, ours.now_ms())
        await ours.publisher.publish([pause.outgoing(ours.codec)])
        ours.pauses.learn(pause)
    return ended


async def _told(ours: Services, fields: Mapping[str, Any]) -> None:
    value = ours.codec.encode(REDELIVERY, {**fields, "at_ms": ours.now_ms()})
    await ours.publisher.publish([Outgoing(REDELIVERIES, fields["instance_id"].encode(), value)])


ROUTES = (
    Route(
        method="POST",
        path="/v1/deliveries/{instance_id}/{number}/redeliver",
        handler=redeliver,
        summary="Send a webhook once more, under the id that it has. 202: its step has not begun yet.",
        answers={
            status: object_of(
                {
                    "delivery_id": TEXT,
                    "message_id": TEXT,
                    "did": text_of((SENT, HURRIED, RETRIED)),
                    "result": text_of((DELIVERED, FAILED, BEGUN, ASKED)),
                },
                error=ERROR,
            )
            for status in (200, 202)
        },
        problems=(400, 404, 408, 409, 413, 415, 422, 503),
        body={"application/json": object_of({"why": LINE}, actor=LINE)},
        verb="deliveries redeliver",
    ),
)

"""`/v1/deliveries`: which webhooks went out to whom, try by try, and what was in each.

Nothing keeps a list of them: they are told from the histories of the instances that send any, the newest first, some at
a time. So a page may hold few, or none, and yet be followed by another.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiohttp import web
from sqlalchemy import ColumnElement, select

from connectors.hub.connections import folded
from connectors.webhook import SEND
from schemas.times import rfc3339
from streams.definitions.book import Deployed
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.instances import CURSOR, beginning, known_instance, read_time
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query, text_of
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services, services
from streams.gateway.story import Told, each_told_again, told_again
from streams.language.constructs.call import Call
from streams.language.graph import Graph
from streams.processors.call.deliveries import FAILED, STATUSES, WAITING, Delivery, Try, deliveries
from streams.processors.call.rows import REDELIVERIES
from streams.processors.orchestrate.rows import INSTANCES
from streams.readmodel.paging import Found, encode_cursor
from streams.readmodel.stored import stored

USUAL_LIMIT = 50
LOOKED_AT = 100  # instances, for one page
MAX_SECONDS = 2.0  # of one look; then the page ends where it is
MAX_NUMBER_LENGTH = 9
ByHand = Mapping[str, Sequence[Mapping[str, Any]]]
Incidents = Mapping[tuple[str, str, int], str]
ERROR: Schema = {"type": ["object", "null"], "description": "Why the newest try has failed: a problem."}
DELIVERY: Schema = object_of(
    {
        "delivery_id": {**TEXT, "description": "The instance and a number: what the others want to be given."},
        "instance_id": TEXT,
        "workflow": TEXT,
        "pointer": TEXT,
        "connection": {**TEXT, "description": "The endpoint."},
        "message_id": {**TEXT, "description": "What its receiver knows it by: the header webhook-id."},
        "status": text_of(STATUSES),
        "tries": {"type": "integer"},
        "asked_at": TEXT,
        "at": {**TEXT, "description": "When the newest try ended; when it was asked for, if none has."},
    },
    business_key=OPTIONAL_TEXT,
    next={**OPTIONAL_TEXT, "description": "When the next try begins by itself."},
    incident_id={**OPTIONAL_TEXT, "description": "The incident that waits for a decision about it."},
    error=ERROR,
)
TRY: Schema = object_of(
    {"at": TEXT, "status": TEXT},
    code={"type": ["integer", "null"], "description": "The status with which the endpoint has taken it."},
    error=ERROR,
    actor=OPTIONAL_TEXT,
    why=OPTIONAL_TEXT,
)


async def list_deliveries(request: web.Request) -> web.Response:
    """A page of deliveries, those of the newest instances first; those of one instance stand together."""
    query = read_query(request, LIST_QUERY)
    meant = Meant(
        connection=query.get("connection"),
        status=query.get("status"),
        workflow=query.get("workflow"),
        since_ms=read_time(query, "since"),
        until_ms=read_time(query, "until"),
    )
    found = await page_of(
        services(request),
        meant,
        id_begins=beginning(query),
        limit=query.get("limit", USUAL_LIMIT),
        cursor=query.get("cursor"),
    )
    return json_answer({"deliveries": found.shown, "next": found.next, "untold": found.untold})


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Which deliveries are meant: to which endpoint, where they are, of which workflow, with a newest try of when."""

    connection: str | None = None
    status: str | None = None
    workflow: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def has(self, shown: Mapping[str, Any]) -> bool:
        """Whether a delivery, as lists show it, is meant."""
        if self.connection is not None and shown["connection"] != folded(self.connection):
            return False
        if self.status is not None and shown["status"] != self.status:
            return False
        at = shown["at"]  # of one width, so that texts are in the order of times
        late = self.since_ms is None or at >= rfc3339(self.since_ms)
        return late and (self.until_ms is None or at < rfc3339(self.until_ms))


class Deliveries(NamedTuple):
    """A page of them, the cursor of the next one, and of how many instances nothing can be told."""

    shown: list[dict[str, Any]]
    next: str | None
    untold: int


async def page_of(
    ours: Services, meant: Meant, *, id_begins: str = "", limit: int = USUAL_LIMIT, cursor: str | None = None
) -> Deliveries:
    """Looks at instances, the newest first, until enough is found, or it has taken long enough."""
    sends = [each for each in _sending(ours) if meant.workflow in (None, each.name)]
    workflows = sorted({each.name for each in sends})
    also: list[ColumnElement[bool]] = [INSTANCES.c.digest.in_([each.digest for each in sends])]
    if meant.since_ms is not None:
        sent_again = select(REDELIVERIES.c.instance_id).where(REDELIVERIES.c.at_ms >= meant.since_ms)
        also.append((INSTANCES.c.updated_at_ms >= meant.since_ms) | INSTANCES.c.instance_id.in_(sent_again))
    page = await asyncio.to_thread(
        ours.reader.newest_of, workflows, id_begins=id_begins, also=also, limit=LOOKED_AT, cursor=cursor
    )
    deadline = time.monotonic() + MAX_SECONDS
    found: list[dict[str, Any]] = []
    untold = looked_at = 0
    ids = [row["instance_id"] for row in page.rows]
    by_hand, incidents = await _by_hand(ours, ids), await incidents_of(ours, ids)
    async with aclosing(each_told_again(ours, page.rows)) as histories:
        async for row, history in histories:
            looked_at += 1
            if history is None:
                untold += 1
            else:
                found += filter(meant.has, _shown(ours, row, _told(ours, row, history, by_hand), incidents))
            if len(found) >= limit or time.monotonic() > deadline:
                break
    end = page.rows[looked_at - 1] if looked_at < len(page.rows) else None
    after = page.next if end is None else encode_cursor(end["started_at_ms"], end["instance_id"])
    return Deliveries(found, after, untold)


async def show_delivery(request: web.Request) -> web.Response:
    """One delivery with all its tries, and what is sent."""
    ours = services(request)
    row, delivery = await known_delivery(request)
    (told_of,) = _shown(ours, row, [delivery], await incidents_of(ours, [row["instance_id"]]))
    return json_answer({**told_of, "all_tries": [_try(each) for each in delivery.tries], "body": delivery.body()})


async def known_delivery(request: web.Request) -> tuple[Found, Delivery]:
    """The delivery that the path names, and the row of its instance; raises ProblemError where there is none."""
    ours, row = services(request), await known_instance(request)
    again = await told_again(ours, row)
    if again is None:
        raise ProblemError(
            409, "history", "What the instance has sent cannot be told: its history, or its definition, is not whole."
        )
    found = _told(ours, row, again, await _by_hand(ours, [row["instance_id"]]))
    number = request.match_info["number"]
    if number.isascii() and number.isdigit() and 0 < int(number[:MAX_NUMBER_LENGTH]) <= len(found):
        return row, found[int(number[:MAX_NUMBER_LENGTH]) - 1]
    there = f"it has {len(found)}, numbered from 1" if found else "it has sent none"
    raise ProblemError(404, "not-found", f"The instance has no delivery of this number: {there}.")


def _told(ours: Services, row: Found, again: Told, by_hand: ByHand) -> list[Delivery]:
    """What an instance has sent."""
    instance = row["instance_id"]
    return deliveries(instance, *again, by_hand.get(instance, ()), ours.now_ms())


async def _by_hand(ours: Services, instances: Collection[str]) -> ByHand:
    """What was sent once more of what some instances have sent, by instance."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    rows = await asyncio.to_thread(ours.reader.redeliveries, instances)
    for each in (await stored(ours.codec, rows)).messages:
        found[each["instance_id"]].append(each)
    return found


def _sending(ours: Services) -> list[Deployed]:
    """All definitions that send any."""
    return [each for each in ours.definitions.ever() if each.graph is not None and _sends(each.graph)]


def status_of(ours: Services, delivery: Delivery) -> str:
    """Where a delivery is now."""
    return delivery.status(ours.now_ms(), paused=ours.pauses.of(delivery.connection) is not None)


async def incidents_of(ours: Services, instances: Collection[str]) -> Incidents:
    """The open incidents of some instances, by instance, pointer and iteration."""
    rows = await asyncio.to_thread(ours.reader.open_incidents, instances)
    found = (await stored(ours.codec, rows)).messages
    return {(each["instance_id"], each["pointer"], each["iteration"]): each["incident_id"] for each in found}


def _sends(graph: Graph) -> bool:
    calls = [task for task in graph.tasks if isinstance(task, Call)]
    return any(SEND.name in (each.function, *(target.function for target in each.fallback)) for each in calls)


def _shown(ours: Services, row: Found, found: Sequence[Delivery], incidents: Incidents) -> list[dict[str, Any]]:
    """Deliveries of an instance, as lists show them."""
    return [_row(row, each, status_of(ours, each), incidents) for each in found]


def _row(row: Found, each: Delivery, status: str, incidents: Incidents) -> dict[str, Any]:
    last = each.tries[-1] if each.tries else None
    return {
        "delivery_id": f"{row['instance_id']}/{each.number}",
        "instance_id": row["instance_id"],
        "workflow": row["workflow"],
        "business_key": row["business_key"],
        "pointer": each.pointer,
        "connection": each.connection,
        "message_id": each.message_id,
        "status": status,
        "tries": len(each.tries),
        "asked_at": rfc3339(each.asked_ms),
        "at": rfc3339(last.at_ms if last is not None else each.asked_ms),
        "next": rfc3339(each.due_ms) if status == WAITING and each.due_ms is not None else None,
        "incident_id": incidents.get((row["instance_id"], *each.step[:2])) if status == FAILED else None,
        "error": last.error if last is not None else None,
    }


def _try(each: Try) -> dict[str, Any]:
    return {
        "at": rfc3339(each.at_ms),
        "status": each.status,
        "code": each.code,
        "error": each.error,
        "actor": each.actor,
        "why": each.why,
    }


LIST_QUERY = (
    Parameter("connection", "Those to this endpoint: the name of its connection."),
    Parameter("status", "Where it is.", text_of(STATUSES)),
    Parameter("workflow", "Name of the workflow that sends it."),
    Parameter("instance_id", "Those of one instance: its id, or how it begins."),
    Parameter("since", "Whose newest try ended at this time (RFC 3339) or later."),
    Parameter("until", "Whose newest try ended before this time (RFC 3339)."),
    Parameter(
        "limit",
        "Deliveries of a page, after which no other instance is looked at.",
        {"type": "integer", "minimum": 1, "maximum": 500, "default": USUAL_LIMIT},
    ),
    CURSOR,
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/deliveries",
        handler=list_deliveries,
        summary="Find webhooks that went out, or are on their way, those of the newest instances first.",
        answers={
            200: object_of(
                {
                    "deliveries": list_of(DELIVERY),
                    "next": OPTIONAL_TEXT,
                    "untold": {"type": "integer", "description": "Instances of the page whose history does not tell."},
                }
            )
        },
        problems=(400, 503),
        query=LIST_QUERY,
        verb="deliveries list",
    ),
    Route(
        method="GET",
        path="/v1/deliveries/{instance_id}/{number}",
        handler=show_delivery,
        summary="Show a webhook with all its tries, and what is sent.",
        answers={200: {"allOf": [DELIVERY, object_of({"all_tries": list_of(TRY)}, body={})]}},
        problems=(404, 409, 503),
        verb="deliveries show",
    ),
)

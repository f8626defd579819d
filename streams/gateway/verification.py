"""`/v1/verification`: whether the history of instances is what the engine makes of their inbox."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.instances import CURSOR, LIMIT, read_time
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query
from streams.gateway.services import Services, services
from streams.processors.orchestrate import retrace
from streams.processors.orchestrate.verify import Finding, verified
from streams.readmodel.paging import Found


async def verify(request: web.Request) -> web.Response:
    """Folds a page of instances, the newest first."""
    ours = services(request)
    query = read_query(request, QUERY)
    page = await asyncio.to_thread(
        ours.reader.instances,
        {name: query[name] for name in ("workflow", "instance_id") if name in query},
        since_ms=read_time(query, "since"),
        until_ms=read_time(query, "until"),
        limit=query.get("limit", 50),
        cursor=query.get("cursor"),
    )
    findings: list[dict[str, Any]] = []
    for row in page.rows:
        found = await _verified(ours, row)
        if found is not None:
            findings.append({"instance_id": row["instance_id"], "workflow": row["workflow"], **found._asdict()})
    return json_answer({"checked": len(page.rows), "findings": findings, "next": page.next})


async def _verified(ours: Services, row: Found) -> Finding | None:
    if row["seq"] >= retrace.MAX_ENTRIES:
        return Finding(row["seq"], False, f"it has more than {retrace.MAX_ENTRIES} entries")
    rows = await asyncio.to_thread(ours.reader.history, row["instance_id"], limit=retrace.MAX_ENTRIES)
    entries = await retrace.decoded(ours.codec, [each["message"] for each in rows])
    if entries is None:
        return Finding(0, False, "its entries cannot be read, or are too large")
    return await asyncio.to_thread(verified, ours.codec, ours.definitions.graph, entries)


QUERY = (
    Parameter("workflow", "Name of the workflow."),
    Parameter("instance_id", "One instance."),
    Parameter("since", "Started at this time (RFC 3339) or later."),
    Parameter("until", "Started before this time (RFC 3339)."),
    LIMIT,
    CURSOR,
)
_FINDING: Schema = object_of(
    {"instance_id": TEXT, "seq": {"type": "integer"}, "differs": {"type": "boolean"}, "why": TEXT}
)
ROUTES = (
    Route(
        method="GET",
        path="/v1/verification",
        handler=verify,
        summary="Fold the recorded inboxes of instances again, and compare with their history byte by byte.",
        answers={
            200: object_of({"checked": {"type": "integer"}, "findings": list_of(_FINDING), "next": OPTIONAL_TEXT})
        },
        problems=(400, 503),
        query=QUERY,
        verb="replay",
    ),
)

"""`/v1/status`: how much there is of everything, and what of it wants somebody's eye."""

from __future__ import annotations

import asyncio

from aiohttp import web

from schemas.lifecycle import OF_INSTANCES
from schemas.times import rfc3339
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.openapi import Route, Schema, list_of, object_of
from streams.gateway.services import services

LATELY_MS = 24 * 3_600 * 1_000
NUMBER: Schema = {"type": "integer"}


async def show_status(request: web.Request) -> web.Response:
    """Counts of instances, tasks and definitions."""
    ours = services(request)
    reader, now_ms = ours.reader, ours.now_ms()
    counts, lately, (is_open, overdue), incidents, oldest = await asyncio.gather(
        asyncio.to_thread(reader.counts),
        asyncio.to_thread(reader.faulted_since, now_ms - LATELY_MS),
        asyncio.to_thread(reader.open_tasks, now_ms),
        asyncio.to_thread(reader.count_incidents),
        asyncio.to_thread(reader.oldest),
    )
    known = ours.definitions.deployed()
    broken = [f"{each.name} {each.version}: {each.fault}" for each in known if each.fault is not None]
    return json_answer(
        {
            "instances": {status.value: counts.get(status, 0) for status in OF_INSTANCES},
            "faulted_lately": lately,
            "incidents": incidents,
            "oldest": [
                {"workflow": workflow, "started_at": rfc3339(at_ms)}
                for workflow, at_ms in sorted(oldest.items(), key=lambda item: item[1])
            ],
            "tasks": {"open": is_open, "overdue": overdue},
            "definitions": {"known": len(known), "broken": broken},
        }
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/status",
        handler=show_status,
        summary="Count instances, tasks and definitions, and those of them that want somebody's eye.",
        answers={
            200: object_of(
                {
                    "instances": object_of({status.value: NUMBER for status in OF_INSTANCES}),
                    "faulted_lately": {**NUMBER, "description": "Instances that faulted within a day."},
                    "incidents": {**NUMBER, "description": "Failed steps that wait for somebody's decision."},
                    "oldest": list_of(object_of({"workflow": TEXT, "started_at": TEXT})),
                    "tasks": object_of({"open": NUMBER, "overdue": NUMBER}),
                    "definitions": object_of({"known": NUMBER, "broken": list_of(TEXT)}),
                }
            )
        },
        problems=(503,),
        verb="status",
    ),
)

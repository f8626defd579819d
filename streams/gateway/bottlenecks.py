"""`/v1/workflows/{name}/bottlenecks`: where the time of a workflow's instances goes."""

from __future__ import annotations

import asyncio

from aiohttp import web

from schemas.times import rfc3339
from streams.gateway.answers import OPTIONAL_TEXT, TEXT, json_answer
from streams.gateway.instances import read_time
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query
from streams.gateway.problems import ProblemError
from streams.gateway.services import services
from streams.processors.orchestrate.ways import Way
from streams.processors.view.bottlenecks import bottlenecks, summary, told

USUAL, MOST = 500, 5_000  # instances that are looked at
COUNT: Schema = {"type": "integer"}
MILLISECONDS: Schema = {"type": ["integer", "null"]}
BY: Schema = {
    **object_of({}, **{way.value: COUNT for way in Way}),
    "description": "Milliseconds by what was waited for; what is not named is nothing.",
}


async def show_bottlenecks(request: web.Request) -> web.Response:
    """The newest instances of a workflow, and what their time has gone to."""
    ours = services(request)
    name, query = request.match_info["name"], read_query(request, QUERY)
    if not any(each.name == name for each in ours.definitions.deployed()):
        raise ProblemError(404, "not-found", "No workflow of this name is deployed, or not yet.")
    filters = {"workflow": name, **({"version": query["version"]} if "version" in query else {})}
    since_ms, now_ms = read_time(query, "since"), ours.now_ms()
    most, graphs = query.get("limit", USUAL), ours.definitions.graph
    prices = await asyncio.to_thread(ours.prices)
    found = await bottlenecks(ours.reader, ours.codec, graphs, filters, since_ms, most, now_ms, prices, ours.spent)
    versions = [
        {
            "version": graph.version,
            "digest": digest,
            "instances": totals.instances,
            "elapsed_ms": totals.elapsed_ms,
            "cost": round(totals.cost, 4),
            "by": summary(totals),
            "steps": told(totals, graph),
        }
        for digest, totals in found.versions.items()
        if (graph := graphs(digest)) is not None
    ]
    return json_answer(
        {
            "workflow": name,
            "since": rfc3339(since_ms) if since_ms is not None else None,
            "until": rfc3339(now_ms),
            "matching": found.matching,
            "looked_at": found.looked_at,
            "versions": versions,
        }
    )


QUERY = (
    Parameter("version", "Version of the definition."),
    Parameter("since", "Instances started at this time (RFC 3339) or later."),
    Parameter(
        "limit",
        "How many of the newest instances are looked at.",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    ),
)
COST: Schema = {"type": "number", "description": "Calls, decisions and tasks, as far as they are declared to cost."}
STEP: Schema = object_of(
    {
        "pointer": {**TEXT, "description": "The step; empty for the time between steps."},
        "name": TEXT,
        "times": {**COUNT, "description": "How often it has ended."},
        "open": {**COUNT, "description": "How often it has begun and not ended."},
        "tries": {**COUNT, "description": "How often its call was made, if it is one."},
        "median_ms": MILLISECONDS,
        "slow_ms": {**MILLISECONDS, "description": "95 % of the times are within."},
        "took_ms": {**COUNT, "description": "Its part of the time of all instances. Steps side by side share evenly."},
        "share": {"type": "number"},
        "cost": COST,
        "by": BY,
    }
)
ROUTES = (
    Route(
        method="GET",
        path="/v1/workflows/{name}/bottlenecks",
        handler=show_bottlenecks,
        summary="Tell where the time of a workflow's instances goes, by version and step.",
        answers={
            200: object_of(
                {
                    "workflow": TEXT,
                    "since": OPTIONAL_TEXT,
                    "until": TEXT,
                    "matching": {**COUNT, "description": "Instances that were asked for."},
                    "looked_at": {**COUNT, "description": "The newest of them, whose histories were read."},
                    "versions": list_of(
                        object_of(
                            {
                                "version": TEXT,
                                "digest": TEXT,
                                "instances": COUNT,
                                "elapsed_ms": {**COUNT, "description": "The lives of the instances, all together."},
                                "by": BY,
                                "steps": list_of(STEP),
                            }
                        )
                    ),
                }
            )
        },
        problems=(400, 404, 503),
        query=QUERY,
        verb="bottlenecks",
    ),
)

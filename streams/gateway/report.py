"""`/v1/report`: how workflows do, by version (automation rate, first-time-right, where time goes), and how often models
were right by their audits, beside what they promise."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from aiohttp import web

from schemas.times import rfc3339
from streams.gateway.answers import TEXT, json_answer
from streams.gateway.bottlenecks import BY, COUNT, MILLISECONDS, STEP
from streams.gateway.instances import read_time
from streams.gateway.openapi import Parameter, Route, Schema, list_of, object_of, read_query
from streams.gateway.services import Services, services
from streams.processors.costs import Prices
from streams.processors.orchestrate.ways import WORK
from streams.processors.view.bottlenecks import bottlenecks, summary, told
from streams.processors.view.report import Figures, figures
from streams.readmodel.stored import stored

DAY_MS = 86_400_000
LOOKED_AT = 200  # instances of a version, for its steps
MOST_VERSIONS = 25  # of which steps are told: those with the most instances


async def report(ours: Services, since_ms: int, until_ms: int) -> dict[str, Any]:
    """The report, as it goes out."""
    found = await asyncio.to_thread(figures, ours.reader, since_ms, until_ms)
    busiest = sorted(found, key=lambda each: -each.started)[:MOST_VERSIONS]
    prices = await asyncio.to_thread(ours.prices)
    return {
        "since": rfc3339(since_ms),
        "until": rfc3339(until_ms),
        "workflows": [await _of(ours, each, since_ms, until_ms, prices if each in busiest else None) for each in found],
        "models": await audited(ours, since_ms, until_ms),
    }


async def audited(ours: Services, since_ms: int, until_ms: int, model: str | None = None) -> list[dict[str, Any]]:
    """How the decisions of models (or of this one) do of which labels came then, by certificate."""
    watches = (await stored(ours.codec, await asyncio.to_thread(ours.reader.model_watches, model))).messages
    return [
        {
            "model": each["model"],
            "version": each["model_version"],
            "route": each["route"],
            "audits": each["audits"],
            "wrong": each["wrong"],
            "error_rate": _rate(each["wrong"] / each["audits"] if each["audits"] else None),
            "target": each["target"],
            "alarmed": each["alarmed_ms"] is not None,
        }
        for each in watches
        if since_ms <= each["at_ms"] < until_ms
    ]


async def _of(ours: Services, each: Figures, since_ms: int, until_ms: int, prices: Prices | None) -> dict[str, Any]:
    """One version; with its steps, where it is said what they cost."""
    of = {"workflow": each.workflow, "version": each.version}
    names = ("started", "open", "completed", "faulted", "cancelled", "without_people", "first_time_right")
    shown: dict[str, Any] = {
        **of,
        **{name: getattr(each, name) for name in names},
        "automation_rate": _rate(each.automation_rate),
        "first_time_right_rate": _rate(each.first_time_right_rate),
        "mean_ms": each.mean_ms,
        "median_ms": each.median_ms,
        "slow_ms": each.slow_ms,
        "looked_at": 0,
        "working_ms": 0,
        "waiting_ms": 0,
        "cost_per_case": 0.0,
        "by": {},
        "steps": [],
    }
    if prices is None:
        return shown
    graphs, cost = ours.definitions.graph, 0.0
    found = await bottlenecks(ours.reader, ours.codec, graphs, of, since_ms, LOOKED_AT, until_ms, prices, ours.spent)
    for digest, totals in found.versions.items():
        graph, by = graphs(digest), summary(totals)
        working = sum(took for way, took in by.items() if way in WORK)
        shown["looked_at"] += totals.instances
        cost += totals.cost
        shown["working_ms"] += working
        shown["waiting_ms"] += sum(by.values()) - working
        shown["by"] = dict(Counter(shown["by"]) + Counter(by))
        shown["steps"] += told(totals, graph) if graph is not None else []
    shown["cost_per_case"] = round(cost / shown["looked_at"], 4) if shown["looked_at"] else 0.0
    return shown


def _rate(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)


async def show_report(request: web.Request) -> web.Response:
    """The report of the instances that began since then; of a day, unless it is said."""
    ours, query = services(request), read_query(request, QUERY)
    now_ms = ours.now_ms()
    since_ms = read_time(query, "since")
    return json_answer(await report(ours, now_ms - DAY_MS if since_ms is None else since_ms, now_ms))


QUERY = (Parameter("since", "Instances that began at this time (RFC 3339) or later. Default: a day ago."),)
RATE: Schema = {"type": ["number", "null"]}
OF_VERSION: Schema = object_of(
    {
        "workflow": TEXT,
        "version": TEXT,
        **dict.fromkeys(("started", "open", "completed", "faulted", "cancelled"), COUNT),
        "without_people": {**COUNT, "description": "Of the completed: nobody was asked."},
        "first_time_right": {**COUNT, "description": "Of the completed: no step tried again or decided about."},
        "automation_rate": RATE,
        "first_time_right_rate": RATE,
        "mean_ms": MILLISECONDS,
        "median_ms": MILLISECONDS,
        "slow_ms": {**MILLISECONDS, "description": "95 % of the completed are within."},
        "looked_at": {**COUNT, "description": "Instances, the newest, of which the times of steps are."},
        "working_ms": {**COUNT, "description": "Of their lives: work, and calls to systems outside."},
        "waiting_ms": {**COUNT, "description": "The rest: people, decisions, next tries, the clock."},
        "cost_per_case": {"type": "number", "description": "The mean of those that were looked at."},
        "by": BY,
        "steps": list_of(STEP),
    }
)
OF_MODEL: Schema = object_of(
    {
        "model": TEXT,
        "version": TEXT,
        "route": TEXT,
        "audits": {
            **COUNT,
            "description": "Decisions that were drawn by chance and are labelled, under one certificate.",
        },
        "wrong": COUNT,
        "error_rate": RATE,
        "target": {"type": "number", "description": "The largest rate that the certificate allows."},
        "alarmed": {"type": "boolean", "description": "Whether the audits have spoken against this certificate."},
    }
)
ROUTES = (
    Route(
        method="GET",
        path="/v1/report",
        handler=show_report,
        summary="Tell how workflows do, by version, and what their time went to; and how often models are wrong.",
        answers={
            200: object_of(
                {"since": TEXT, "until": TEXT, "workflows": list_of(OF_VERSION), "models": list_of(OF_MODEL)}
            )
        },
        problems=(400, 503),
        query=QUERY,
        verb="report",
    ),
)

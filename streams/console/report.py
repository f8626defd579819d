"""`/report`: how workflows do, with charts; also as one file, which needs nothing else to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from schemas.times import rfc3339
from streams.console import charts, queries, words
from streams.console.incidents import titles_of
from streams.console.page import Page, View, Visit
from streams.console.rendering import alone
from streams.console.workflows import title_of_workflow
from streams.gateway.report import report
from streams.processors.orchestrate.ways import WORDS

PERIODS: Mapping[str, int] = {"1d": words.DAY, "7d": 7 * words.DAY, "30d": 30 * words.DAY}
SLOTS = 28
STEPS = 10  # of a version that have a bar


async def show(visit: Visit) -> View:
    """The report of a day, of a week or of a month; with `save`, as a file."""
    period = visit.query("since")
    if period not in PERIODS:
        period = "1d"
    since_ms = visit.now_ms - PERIODS[period]
    data, begun = await asyncio.gather(
        report(visit.services, since_ms, visit.now_ms), _begun(visit, since_ms, PERIODS[period])
    )
    titles = titles_of(visit)
    completed = [each for each in data["workflows"] if each["completed"]]
    drawn = {
        "periods": tuple(PERIODS),
        "period": period,
        "begun": begun,
        "rates": {
            name: charts.shares([(_name(visit, each), each[name]) for each in completed], label)
            for name, label in (("automation_rate", "Automation rate"), ("first_time_right_rate", "First-time-right"))
        },
        "steps": [_steps(visit, each, titles) for each in data["workflows"]],
        "ways": WORDS,
        "colours": charts.COLOURS,
    }  # fmt: skip
    if not visit.query("save"):
        return View(template="report.html", data=data, drawn=drawn)
    style, policy = alone("console.css")
    name = f"report-{period}-{data['until'][:10]}.html"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": policy}
    return View(template="report_file.html", data=data, drawn={**drawn, "style": style}, headers=headers)


def _name(visit: Visit, version: Mapping[str, Any]) -> str:
    title = title_of_workflow(visit.services.definitions, version["workflow"])
    return f"{title} {version['version']}"


async def _begun(visit: Visit, since_ms: int, period_ms: int) -> Markup:
    slot_ms = -(-period_ms // SLOTS)
    counts = await asyncio.to_thread(queries.begun_by_slot, visit.services.reader, since_ms, slot_ms)
    slots: list[dict[str, int]] = [{} for _ in range(SLOTS)]
    for (slot, status), count in counts.items():
        if 0 <= slot < SLOTS:
            slots[slot][status] = count
    names = [f"{rfc3339(since_ms + slot * slot_ms)[5:16].replace('T', ' ')} UTC" for slot in range(SLOTS)]
    return charts.columns(slots, names, "Instances begun")


def _steps(visit: Visit, version: Mapping[str, Any], titles: Mapping[tuple[str, str, str], str]) -> Markup:
    """Where the time of a version goes, a bar for each step, in colours by what it waits for."""
    steps: Sequence[Mapping[str, Any]] = [each for each in version["steps"] if each["took_ms"]][:STEPS]
    whole = sum(version["by"].values()) or 1
    of = (version["workflow"], version["version"])
    rows = [
        (titles.get((*of, each["pointer"])) or words.titled(each["name"]) or "Between steps", each["by"])
        for each in steps
    ]
    return charts.ways(rows, whole, f"Where the time of {_name(visit, version)} goes")


PAGES = (Page(path="/report", show=show, section="/"),)

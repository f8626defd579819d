"""`/instances`: which instances there are, and `/instances?...`: which of them somebody looks for."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from schemas.lifecycle import OF_INSTANCES, TERMINAL, Status
from schemas.reasons import MEANINGS, Reason
from streams.console import queries, words
from streams.console.page import Page, View, Visit
from streams.console.queries import Wanted
from streams.console.rights import Act, Target, may
from streams.gateway.instances import also

AGES = {"1h": words.HOUR, "24h": words.DAY, "7d": 7 * words.DAY, "30d": 30 * words.DAY}
AGE_WORDS = {"1h": "the last hour", "24h": "the last 24 hours", "7d": "the last 7 days", "30d": "the last 30 days"}
FILTERS = ("status", "workflow", "version", "key", "age", "reason", "step", "data")
SEARCHED = ("reason", "step", "data")  # beyond the columns of the table
RETRYING = "retrying"  # no status of an instance: one of its steps waits for its next try
REASONS = tuple(each.value for each in sorted(MEANINGS, key=lambda each: MEANINGS[each].title) if each is not Reason.OK)
ROWS = 50


async def show(visit: Visit) -> View:
    """A page of instances, newest first."""
    asked = {name: visit.query(name) for name in FILTERS}
    page = await asyncio.to_thread(queries.instances, visit.services.reader, wanted(visit, asked))
    given = {name: value for name, value in asked.items() if value}
    data = {
        "instances": page.rows,
        "filters": given,
        "next": f"/instances?{urlencode({**given, 'cursor': page.next})}" if page.next else None,
        "first": not visit.query("cursor"),
    }
    known = sorted({each.name for each in visit.services.definitions.deployed()})
    there = {row["status"] for row in page.rows}
    may_act = bool(there) and asked["status"] not in TERMINAL and may(visit.actor, Act.CANCEL, Target("instances"))
    drawn = {
        "may_cancel": may_act,
        "may_suspend": may_act and asked["status"] != Status.SUSPENDED,
        "may_resume": may_act and Status.SUSPENDED in there,
        "may_retry": Status.INCIDENT in there and may(visit.actor, Act.REPAIR, Target("instances")),
        "query": urlencode(given),
        "asked": asked,
        "statuses": (*OF_INSTANCES, RETRYING),
        "searches": any(asked[name] for name in SEARCHED),
        "workflows": known if asked["workflow"] in ("", *known) else [*known, asked["workflow"]],
        "ages": AGE_WORDS,
        "reasons": REASONS if asked["reason"] in ("", *REASONS) else (*REASONS, asked["reason"]),
    }
    return View(template="instances.html", data=data, drawn=drawn)


def wanted(visit: Visit, asked: dict[str, str]) -> Wanted:
    """The instances that a query of this page names."""
    age = AGES.get(asked["age"])
    searched = {name: asked[name] for name in SEARCHED if asked[name]}
    if asked["status"] == RETRYING:
        asked, searched = {**asked, "status": ""}, {**searched, RETRYING: "true"}
    return Wanted(
        columns={name: asked[name] for name in ("status", "workflow", "version") if asked[name]},
        also=also(visit.services, searched),
        key=asked["key"],
        since_ms=visit.now_ms - age if age else None,
        limit=ROWS,
        cursor=visit.query("cursor") or None,
    )


PAGES = (Page(path="/instances", show=show, section="/instances", live=True),)

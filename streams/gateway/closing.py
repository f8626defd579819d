"""Incidents that close by themselves: what the step lacked is there now, so it is done again.

Only where the definition says `closes: true`, and never where nobody knows whether the step was done. Each is looked at
again after a while that doubles with every try of its step, so that a cause which only seems to be gone costs little.
A decision names its incident, so several gateways that come to the same one do no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connectors.hub.connections import named
from models.serving.errors import UnknownModelError
from models.serving.shelf import Shelf
from schemas.lifecycle import Status
from schemas.messages import REPAIR_STEP
from schemas.reasons import Reason
from streams.gateway.repairs import KEPT_KEY
from streams.gateway.services import Services
from streams.ground.beside import beside
from streams.ground.errors import UnavailableError
from streams.ground.publish import Outgoing
from streams.ground.site import Site
from streams.language.constructs.call import Call
from streams.language.graph import Graph
from streams.language.recovery import closes
from streams.processors.decide import DECIDE, RULES
from streams.processors.decide.asked import TABLES
from streams.processors.decide.places import folders
from streams.processors.decide.tables import Tables
from streams.processors.orchestrate import INBOX
from streams.readmodel.paging import Found

LOOK_S = 5.0
FIRST_MS = 10_000
LONGEST_MS = 3_600_000
PAGE = 500
AWAY = (Reason.UNREACHED, Reason.TIMED_OUT, Reason.REMOTE_FAULT, Reason.RATE_LIMITED)
ACTOR = "exlify"

log = structlog.get_logger()


@asynccontextmanager
async def closing(ours: Services) -> AsyncIterator[None]:
    """Looks again and again for as long as the context lasts."""
    async with beside(_forever(ours), "incidents"):
        yield


async def _forever(ours: Services) -> None:
    decided: set[str] = set()
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            decided = await look(ours, decided)
        except (SQLAlchemyError, UnavailableError) as error:
            log.warning("incidents not looked at", reason=type(error).__name__)


async def look(ours: Services, decided: set[str]) -> set[str]:
    """Does those again whose cause is gone; gives the open ones that have been decided, `decided` among them."""
    known: set[str] = set()
    for reason in (Reason.MISCONFIGURED, *AWAY):
        cursor: str | None = None
        while True:
            filters = {"status": "open", "reason": reason.value}
            page = await asyncio.to_thread(ours.reader.incidents, filters, limit=PAGE, cursor=cursor)
            fresh = [row for row in page.rows if row["incident_id"] not in decided]
            known |= {row["incident_id"] for row in page.rows} & decided
            records = [each async for each in _decisions(ours, fresh)]
            await ours.publisher.publish([record for _, record in records])
            known |= {name for name, _ in records}
            cursor = page.next
            if cursor is None:
                break
    return known


async def _decisions(ours: Services, rows: list[Found]) -> AsyncIterator[tuple[str, Outgoing]]:
    for row in rows:
        _, incident = await ours.codec.decode_learning(row["message"])
        why = await asyncio.to_thread(_why, ours, incident)
        if why is None or await asyncio.to_thread(_stands_still, ours, incident["instance_id"]):
            continue
        fields = {
            "instance_id": incident["instance_id"], "repair_id": f"closes#{incident['incident_id']}",
            "incident": incident["number"], "action": "retry", "input": None, "output": None, "key": KEPT_KEY,
            "digest": None, "why": why, "actor": ACTOR,
        }  # fmt: skip
        value = ours.codec.encode(REPAIR_STEP, fields)
        yield incident["incident_id"], Outgoing(INBOX, incident["instance_id"].encode(), value)


def _stands_still(ours: Services, instance_id: str) -> bool:
    """Whether the instance is suspended, so that nothing of it is done again yet."""
    row = ours.reader.instance(instance_id)
    return row is not None and row["status"] == Status.SUSPENDED


def _why(ours: Services, incident: Mapping[str, Any]) -> str | None:
    """Why the step is done again now; None where it is not."""
    graph = ours.definitions.graph(incident["digest"])
    task = None if graph is None else _call(graph, incident["pointer"])
    rests_ms = min(FIRST_MS * 2 ** min(incident["attempt"], 20), LONGEST_MS)
    if graph is None or task is None or not closes(graph.document, task.document):
        return None
    if ours.now_ms() < incident["opened_at_ms"] + rests_ms:
        return None
    if incident["reason"] in AWAY:
        paused = any(ours.pauses.seconds_left(name) for name in named(task.document.get("with", {})))
        return None if paused else "the system may be called"
    return _there(ours, task)


def _there(ours: Services, task: Call) -> str | None:
    """What a setting was missing for, if it is there."""
    if task.function in (DECIDE.name, RULES.name):
        given = task.document.get("with", {})
        asked, name = [given[each] for each in TABLES if isinstance(given.get(each), str)], given.get("model")
        if not {*asked} <= {*Tables(ours.settings.site_dir, Site(ours.settings.site_dir)).names}:
            return None
        if task.function == RULES.name:
            return f"table {', '.join(asked)} is there" if asked else None
        return f"model {name} is there" if isinstance(name, str) and _is_model(ours, name) else None
    for name in named(task.document.get("with", {})):
        if name in ours.addresses.urls():
            return f"connection {name} is there"
    return None


def _is_model(ours: Services, name: str) -> bool:
    try:
        return Shelf(folders(ours.settings)).pin(name) is not None
    except UnknownModelError:
        return False


def _call(graph: Graph, pointer: str) -> Call | None:
    return next((each for each in graph.tasks if each.pointer == pointer and isinstance(each, Call)), None)

"""What a replay would process, without processing any of it: counted for a while, and some shown."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sqlalchemy import Engine

from schemas.codec import Codec
from streams.definitions.book import DefinitionBook
from streams.ground.past_records import PastRecords
from streams.ground.settings import Settings
from streams.processors.orchestrate.retrace import decoded
from streams.processors.replay.cases import Case, Cases
from streams.processors.replay.firsts import first_runs, statuses
from streams.processors.replay.plan import planned
from streams.processors.replay.record import ended
from streams.processors.replay.request import Request, Selection
from streams.processors.replay.standing import Counts
from streams.processors.replay.tale import NONE
from streams.processors.replay.work import graph_of

MAX_SECONDS = 5.0
SHOWN = 5
AT_ONCE = 200


async def surveyed(
    settings: Settings, request: Request, book: DefinitionBook, engine: Engine, codec: Codec, now_ms: int
) -> dict[str, Any]:
    """How many records there are, how many events are meant of those that were looked at, and the first of them.

    Raises UsageError, and UnavailableError where Kafka is away.
    """
    graphs = {name: graph_of(book, each) for name, each in request.definitions.items()}
    records = await asyncio.to_thread(PastRecords, settings)
    try:
        plan = await asyncio.to_thread(planned, request, records, now_ms)
        cases = Cases(request, graphs, records, engine, codec, book.types)
        parts, past, counts = plan.parts, plan.past, Counts()
        meant = 0
        shown: list[Case] = []
        until = time.monotonic() + MAX_SECONDS
        while (parts or past) and time.monotonic() < until:
            batch = await cases.next(parts, past, counts, AT_ONCE)
            parts, past, counts = batch.parts, batch.past, batch.counts
            found = await _taken(engine, codec, Selection(request), batch.cases)
            meant += len(found)
            shown += found[: SHOWN - len(shown)]
    finally:
        await asyncio.to_thread(records.close)
    known = await asyncio.to_thread(statuses, engine, [each.start.instance_id for each in shown]) if shown else {}
    sample = [
        {
            "place": each.place,
            "type": each.start.event_type,
            "source": each.start.source,
            "id": each.start.event_id,
            "subject": each.start.business_key,
            "workflow": each.start.workflow,
            "instance_id": each.start.instance_id,
            "before": known.get(each.start.instance_id, NONE),
        }
        for each in shown
    ]
    return {
        "held": plan.held,
        "gone": plan.gone,
        "looked_at": counts.read,
        "unreadable": counts.unreadable,
        "meant": meant,
        "whole": not (parts or past),
        "sample": sample,
    }


async def _taken(engine: Engine, codec: Codec, selection: Selection, cases: list[Case]) -> list[Case]:
    """Those whose first run is such as is meant."""
    if not selection.asks_for_runs:
        return cases
    known = await asyncio.to_thread(first_runs, engine, [each.start.instance_id for each in cases])
    endings = {each: ended(await decoded(codec, run.messages) or (), run.status) for each, run in known.items()}
    return [each for each in cases if selection.takes_run(endings.get(each.start.instance_id, NONE))]

"""The events of a replay that only history still has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from schemas import ids
from schemas.business import EventTypes
from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import HISTORY_ENTRY, START_INSTANCE
from schemas.samples import sample
from streams.ground.past_records import PastRecords
from streams.ground.settings import Settings
from streams.language.graph import Graph
from streams.processors.replay.cases import Cases
from streams.processors.replay.request import Request
from streams.processors.replay.standing import Counts, Past
from streams.processors.view.processor import View
from streams.readmodel.database import open_database
from streams.readmodel.projection import projections
from streams.runtime.processor import NO_STATE, Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import load

CODEC = Codec.offline()
TYPE = "com.example.order.v1"
YAML = f"""
document: {{dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0}}
schedule: {{on: {{one: {{with: {{type: {TYPE}}}}}}}}}
do:
  - note: {{set: {{seen: true}}}}
"""
RERUN = {"of": "ab" * 16, "task": None, "input": None, "context": None, "why": "once more", "actor": "kim"}


async def test_case_that_somebody_ran_once_more_is_one_event(tmp_path: Path) -> None:
    graph, made = load(YAML), context(CODEC, Settings(data_dir=tmp_path))
    view = View(made)
    await view.open()
    first = ids.instance_id("order", "/shop", "1")
    see(view, entry(graph, first, {"total": 5}))
    see(view, entry(graph, "cd" * 16, {"total": 7}, rerun=RERUN))
    engine, types = open_database(made.settings, projections(made.declarations)), EventTypes.load()
    request = Request(topics=(types.of(TYPE).topic,))
    cases = Cases(request, {"order": graph}, cast(PastRecords, None), engine, CODEC, types)
    batch = await cases.next((), Past(0, "", 2_000_000_000_000), Counts(), 10)
    assert [each.start.instance_id for each in batch.cases] == [first]
    engine.dispose()
    await view.close()


def entry(graph: Graph, instance_id: str, data: Any, rerun: dict[str, Any] | None = None) -> dict[str, Any]:
    start = sample(current()[START_INSTANCE]) | {
        "instance_id": instance_id, "workflow": graph.name, "digest": graph.digest, "source": "/shop", "event_id": "1",
        "event_type": TYPE, "data": payload(data), "rerun": rerun,
    }  # fmt: skip
    told = {"instance_id": instance_id, "seq": 0, "workflow": graph.name, "cause": CODEC.encode(START_INSTANCE, start)}
    return sample(current()[HISTORY_ENTRY]) | told


def see(view: View, fields: dict[str, Any]) -> None:
    value = CODEC.encode(HISTORY_ENTRY, fields)
    record = Record("engine.history.instance.v1", 0, 0, 0, fields["instance_id"].encode(), value)
    view.handle([Message(record, *CODEC.decode(value))], NO_STATE)

"""The events of a replay: those of a topic, and those that only history still has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from schemas import ids
from schemas.business import EventTypes
from schemas.catalogue import current
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from schemas.messages import HISTORY_ENTRY, START_INSTANCE
from schemas.samples import sample
from streams.ground.past_records import PastRecord, PastRecords
from streams.ground.settings import Settings
from streams.ground.topic import DAY_MS
from streams.language.graph import Graph
from streams.processors.replay.cases import SKEW_MS, Cases
from streams.processors.replay.request import Request
from streams.processors.replay.standing import Counts, Part, Past
from streams.processors.view.processor import View
from streams.readmodel.database import open_database
from streams.readmodel.projection import projections
from streams.runtime.processor import NO_STATE, Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import load

CODEC = Codec.offline()
TYPES = EventTypes.load()
TYPE = "com.example.order.v1"
TOPIC = TYPES.of(TYPE).topic
DECLARED = next(iter(TYPES.declared.values()))
YAML = f"""
document: {{dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0}}
schedule: {{on: {{one: {{with: {{type: {TYPE}}}}}}}}}
do:
  - note: {{set: {{seen: true}}}}
"""
RERUN = {"of": "ab" * 16, "task": None, "input": None, "context": None, "why": "once more", "actor": "kim"}


class Log:
    """One partition, the beginning of which may have been dropped."""

    def __init__(self, numbers: range) -> None:
        self._records = [event(number) for number in numbers]

    def held(self, topic: str) -> dict[int, tuple[int, int]]:
        return {0: (self._records[0].offset, self._records[-1].offset + 1)}

    def read(self, topic: str, partition: int, first: int, end: int, limit: int) -> list[PastRecord]:
        return [each for each in self._records if first <= each.offset < end][:limit]


def event(number: int) -> PastRecord:
    attributes = {"specversion": "1.0", "id": str(number), "source": "/shop", "type": TYPE}
    sent = TYPES.encode_event(CODEC, CloudEvent(attributes, {"total": number}))
    return PastRecord(TOPIC, 0, number, DAY_MS + number * 1_000, sent.key, sent.value, list(sent.headers))


@pytest.mark.parametrize("offsets", [(), ((0, 0, 5),)])
async def test_what_a_topic_drops_while_a_replay_stands_is_counted_and_asked_of_history(
    offsets: tuple[tuple[int, int, int], ...],
) -> None:
    request = Request(topics=(TOPIC,), since_ms=1_000, offsets=offsets)
    before = Cases(request, {"order": load(YAML)}, cast(PastRecords, Log(range(5))), cast(Engine, None), CODEC, TYPES)
    batch = await before.next((Part(TOPIC, 0, 0, 5),), None, Counts(), 2)
    assert ([each.start.event_id for each in batch.cases], batch.counts.gone, batch.past) == (["0", "1"], 0, None)
    after = Cases(request, {"order": load(YAML)}, cast(PastRecords, Log(range(4, 9))), cast(Engine, None), CODEC, TYPES)
    batch = await after.next(batch.parts, batch.past, batch.counts, 5)
    assert ([each.start.event_id for each in batch.cases], batch.counts.read, batch.counts.gone) == (["4"], 3, 2)
    asked = Past(DAY_MS + 1_000 - SKEW_MS, "", 2 * DAY_MS + 4_000)
    assert (batch.parts, batch.past) == ((), None if offsets else asked)


async def test_all_that_a_topic_drops_while_a_replay_stands_is_counted_and_asked_of_history() -> None:
    request = Request(topics=(TOPIC,))
    cases = Cases(request, {"order": load(YAML)}, cast(PastRecords, Log(range(6, 9))), cast(Engine, None), CODEC, TYPES)
    batch = await cases.next((Part(TOPIC, 0, 2, 5),), Past(7, "", 9), Counts(gone=1), 5)
    assert (batch.parts, batch.cases, batch.counts.gone) == ((), [], 4)
    assert batch.past is not None and batch.past.at_ms == 0 and batch.past.until_ms > 2 * DAY_MS


@pytest.mark.parametrize(
    ("topics", "type_", "found"),
    [
        ((TOPIC,), TYPE, True),
        (("shop.orders",), TYPE, True),  # a topic of the site: history does not say on which an event came
        ((DECLARED.topic,), TYPE, False),
        (("shop.orders",), DECLARED.type, False),
        ((DECLARED.topic,), DECLARED.type, True),
    ],
)
async def test_events_of_history_are_those_that_the_topics_may_have_had(
    tmp_path: Path, topics: tuple[str, ...], type_: str, found: bool
) -> None:
    graph, made = load(YAML.replace(TYPE, type_)), context(CODEC, Settings(data_dir=tmp_path))
    view = View(made)
    await view.open()
    see(view, entry(graph, ids.instance_id("order", "/shop", "1"), {"total": 5}, type_=type_))
    engine = open_database(made.settings, projections(made.declarations))
    cases = Cases(Request(topics=topics), {"order": graph}, cast(PastRecords, None), engine, CODEC, TYPES)
    batch = await cases.next((), Past(0, "", 2_000_000_000_000), Counts(), 10)
    assert bool(batch.cases) is found
    engine.dispose()
    await view.close()


async def test_case_that_somebody_ran_once_more_is_one_event(tmp_path: Path) -> None:
    graph, made = load(YAML), context(CODEC, Settings(data_dir=tmp_path))
    view = View(made)
    await view.open()
    first = ids.instance_id("order", "/shop", "1")
    see(view, entry(graph, first, {"total": 5}))
    see(view, entry(graph, "cd" * 16, {"total": 7}, rerun=RERUN))
    engine = open_database(made.settings, projections(made.declarations))
    request = Request(topics=(TOPIC,))
    cases = Cases(request, {"order": graph}, cast(PastRecords, None), engine, CODEC, TYPES)
    batch = await cases.next((), Past(0, "", 2_000_000_000_000), Counts(), 10)
    assert [each.start.instance_id for each in batch.cases] == [first]
    engine.dispose()
    await view.close()


def entry(
    graph: Graph, instance_id: str, data: Any, rerun: dict[str, Any] | None = None, type_: str = TYPE
) -> dict[str, Any]:
    start = sample(current()[START_INSTANCE]) | {
        "instance_id": instance_id, "workflow": graph.name, "digest": graph.digest, "source": "/shop", "event_id": "1",
        "event_type": type_, "data": payload(data), "rerun": rerun,
    }  # fmt: skip
    told = {"instance_id": instance_id, "seq": 0, "workflow": graph.name, "cause": CODEC.encode(START_INSTANCE, start)}
    return sample(current()[HISTORY_ENTRY]) | told


def see(view: View, fields: dict[str, Any]) -> None:
    value = CODEC.encode(HISTORY_ENTRY, fields)
    record = Record("engine.history.instance.v1", 0, 0, 0, fields["instance_id"].encode(), value)
    view.handle([Message(record, *CODEC.decode(value))], NO_STATE)

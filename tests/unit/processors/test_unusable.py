"""Unusable records: whatever a topic brings, no processor ends over it, and the good record behind it is handled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from models.serving.registry import Registry
from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import (
    DECISION,
    GENERIC_EVENT,
    HISTORY_ENTRY,
    HUMAN_ACTION,
    INSTANCE_OUTCOME,
    START_INSTANCE,
    STEP_COMMAND,
    STEP_RESULT,
)
from schemas.payload import Payload
from schemas.samples import sample
from streams.definitions.book import DefinitionBook
from streams.definitions.deploy import described
from streams.ground.settings import Settings
from streams.processors.decide.processor import Decide
from streams.processors.human.processor import Human
from streams.processors.intake.processor import Intake
from streams.processors.orchestrate import INBOX
from streams.processors.orchestrate.processor import Orchestrate
from streams.processors.view.processor import View
from streams.readmodel.settings import ViewSettings
from streams.runtime.crash import CrashPoint
from streams.runtime.fast_lane import FastLane
from streams.runtime.lane import Limits
from streams.runtime.parking import PARKING
from streams.runtime.processor import FastProcessor, Output, Record
from streams.runtime.store import Store
from streams.runtime.table import TablePartition
from tests.support.contexts import context
from tests.support.definitions import empty_book, load
from tests.support.lanes import INPUT, Flow, Kept, running, until
from tests.support.postgresql import Server

CODEC = Codec.offline()
INSTANCE = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
AT_MS = 1_790_000_000_000
YAML = """
document: { dsl: 1.0.3, namespace: test, name: echo, version: 1.0.0 }
schedule: { on: { one: { with: { type: echo.v1 } } } }
do:
  - ask: { call: human, with: { team: a, title: A, outcomes: [done] } }
"""
GRAPH = load(YAML)
EVENT = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"test"), ("ce_type", b"echo.v1"))


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def message(name: str, **fields: Any) -> bytes:
    return CODEC.encode(name, {**sample(current()[name]), "instance_id": INSTANCE, **fields})


def event(data: bytes) -> bytes:
    return CODEC.encode(GENERIC_EVENT, {"data": data})


def started(**fields: Any) -> bytes:
    return message(START_INSTANCE, workflow=GRAPH.name, digest=GRAPH.digest, **fields)


def asked(arguments: bytes, **fields: Any) -> bytes:
    return message(STEP_COMMAND, arguments=Payload.inside(arguments), **fields)


LETTERS = [chr(0x4E00 + n) for n in range(20_000)]
TASK = orjson.dumps({"team": "a", "title": "A", "outcomes": ["ok"]})
GOOD = {
    "intake": event(b"{}"),
    "orchestrate": started(),
    "decide": asked(b"{}"),
    "human": asked(TASK),
    "view": message(HISTORY_ENTRY),
}
EVERY_KIND = {name: CODEC.encode(name, sample(schema)) for name, schema in current().items()}
ODD: Mapping[str, bytes | None] = {
    "nothing": None,
    "deep event": event(deep(300)),
    "huge number": event(b"1" * 400),
    "no Unicode": event(rb'"\ud800"'),
    "large event": event(b'"' + b"x" * 2_050_000 + b'"'),
    "arguments that are no JSON": asked(b"not json", instance_id=OTHER),
    "sealed arguments": asked(b"\1sealed"),
    "no arguments": asked(b""),
    "deep arguments": asked(deep(254)),
    "a deep task": asked(
        orjson.dumps({**orjson.loads(TASK), "input": "?"}).replace(b'"?"', deep(300)), instance_id=OTHER
    ),
    "no instance": asked(TASK, instance_id=""),
    "a path for an instance": asked(TASK, instance_id="../../x", pointer=""),
    "a key of the runtime": started().replace(INSTANCE.encode(), b"\0position".ljust(32, b"\0")),
    "an instance at the end of time": started(time_ms=2**63 - 1),
    "a start without data": started(data=Payload.inside(b"")),
    "a start with deep data": started(data=Payload.inside(deep(900))),
    "an unknown digest": message(START_INSTANCE, instance_id=OTHER, digest="f" * 64),
    "a result that is no JSON": message(STEP_RESULT, output=Payload.inside(b"nope")),
    "an answer to no task": message(HUMAN_ACTION, task_id="", action_id=""),
    "no number": message(DECISION, score=float("nan")),
    "infinity": message(DECISION, score=float("inf")),
    "a character that no column takes": message(HISTORY_ENTRY, instance_id="a\0b", business_key="\0"),
    "a long id": message(HISTORY_ENTRY, instance_id="x" * 100_000),
    "a long key": message(HISTORY_ENTRY, instance_id=OTHER, business_key="".join(Random(1).choices(LETTERS, k=9_000))),
    "a time that no calendar has": message(HISTORY_ENTRY, at_ms=-(2**63)),
}


def book() -> DefinitionBook:
    made = empty_book()
    made.learn(described(GRAPH, YAML, "test", 0))
    return made


def processor(name: str, settings: Settings) -> FastProcessor:
    made = context(CODEC, settings, book())
    if name == "decide":
        return Decide(made, Registry())
    kinds: dict[str, Any] = {"intake": Intake, "orchestrate": Orchestrate, "human": Human, "view": View}
    return kinds[name](made)  # type: ignore[no-any-return]


async def handled(name: str, values: list[bytes | None], folder: Path, view_url: str = "") -> list[Output]:
    hosted, outside = processor(name, Settings(data_dir=folder).with_(ViewSettings(url=view_url))), Kept()
    table = TablePartition(Store(folder / "store"), outside, outside)  # type: ignore[arg-type]
    await table.recover(0)
    lane = FastLane(hosted, 0, outside, CODEC, Flow(), table, Limits(50, 1_000, 10**9), CrashPoint())
    await hosted.open()
    try:
        async with running(lane) as task:
            lane.deliver(INPUT, [Record("in", 0, n, AT_MS, b"no id", each, EVENT) for n, each in enumerate(values)])
            await until(lambda: task.done() or lane.committable() == {INPUT: len(values)})
            if task.done():
                task.result()
    finally:
        await hosted.close()
        table.store.close()
    return outside.outputs


def parked(outputs: list[Output]) -> dict[int, str]:
    headers = [dict(each.headers) for each in outputs if each.topic is PARKING]
    return {int(each["parked.offset"]): each["parked.reason"].decode() for each in headers}


@pytest.mark.parametrize("name", list(GOOD))
async def test_odd_records_never_stop_a_processor(name: str, tmp_path: Path) -> None:
    odd = [*ODD.values(), *EVERY_KIND.values()]
    outputs = await handled(name, [*odd, GOOD[name]], tmp_path)
    assert len(odd) not in parked(outputs)


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("intake", "deep event"),
        ("intake", "large event"),
        ("intake", "nothing"),
        ("orchestrate", "nothing"),
        ("orchestrate", "a key of the runtime"),
        ("orchestrate", "an unknown digest"),
        ("orchestrate", "arguments that are no JSON"),
        ("decide", "arguments that are no JSON"),
        ("decide", "sealed arguments"),
        ("human", "arguments that are no JSON"),
        ("human", "a deep task"),
        ("view", "no number"),
        ("view", "infinity"),
        ("view", "an answer to no task"),
    ],
)
async def test_unusable_record_is_parked_with_its_bytes(name: str, odd: str, tmp_path: Path) -> None:
    outputs = await handled(name, [GOOD[name], ODD[odd], GOOD[name]], tmp_path)
    assert list(parked(outputs)) == [1]
    assert next(each.value for each in outputs if each.topic is PARKING) == ODD[odd]


@pytest.mark.parametrize("name", ["decide", "human"])
async def test_parked_command_is_answered_for_its_instance(name: str, tmp_path: Path) -> None:
    outputs = await handled(name, [ODD["arguments that are no JSON"]], tmp_path)
    ((_, answer),) = [CODEC.decode(each.value or b"") for each in outputs if each.topic == INBOX]
    assert (answer["instance_id"], answer["error"]["reason"]) == (OTHER, "PLATFORM_FAULT")


async def test_deep_answer_does_not_leave_its_instance_waiting(tmp_path: Path) -> None:
    answer = {"pointer": "/do/0/ask", "iteration": 0, "attempt": 0, "status": "completed", "error": None}
    deeply = message(STEP_RESULT, **answer, output=Payload.inside(b'{"data":' + deep(254) + b"}"))
    outputs = await handled("orchestrate", [GOOD["orchestrate"], deeply], tmp_path)
    names = [CODEC.decode(each.value or b"")[0] for each in outputs if each.topic is not PARKING]
    assert INSTANCE_OUTCOME in names
    assert not parked(outputs)


async def test_database_that_refuses_a_value_is_not_taken_for_one_away(postgresql: Server, tmp_path: Path) -> None:
    values = [GOOD["view"], ODD["a long key"], GOOD["view"]]
    outputs = await handled("view", values, tmp_path, postgresql.url)
    assert list(parked(outputs)) == [1]

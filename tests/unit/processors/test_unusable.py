"""Unusable records: whatever a topic brings, no processor ends over it, and the good record behind it is handled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from models.serving.registry import Registry
from schemas.messages import (
    INSTANCE_OUTCOME,
    STEP_RESULT,
)
from schemas.payload import Payload
from streams.definitions.book import DefinitionBook
from streams.definitions.deploy import described
from streams.ground.settings import Settings
from streams.processors.decide.processor import Decide
from streams.processors.human.processor import Human
from streams.processors.intake.processor import Intake
from streams.processors.orchestrate import INBOX
from streams.processors.orchestrate.processor import Orchestrate
from streams.processors.rolling.processor import Rolling
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
from tests.support.definitions import empty_book
from tests.support.lanes import INPUT, Flow, Kept, running, until
from tests.support.postgresql import Server
from tests.support.unusable import (
    AT_MS,
    CODEC,
    EVENT,
    EVERY_KIND,
    GOOD,
    GRAPH,
    ODD,
    OTHER,
    YAML,
    asked,
    deep,
    message,
)


def book() -> DefinitionBook:
    made = empty_book()
    made.learn(described(GRAPH, YAML, "test", 0))
    return made


def processor(name: str, settings: Settings) -> FastProcessor:
    made = context(CODEC, settings, book())
    if name == "decide":
        return Decide(made, Registry())
    kinds: dict[str, Any] = {
        "intake": Intake,
        "orchestrate": Orchestrate,
        "human": Human,
        "view": View,
        "rolling": Rolling,
    }
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
        ("rolling", "arguments that are no JSON"),
        ("view", "no number"),
        ("view", "infinity"),
        ("view", "an answer to no task"),
    ],
)
async def test_unusable_record_is_parked_with_its_bytes(name: str, odd: str, tmp_path: Path) -> None:
    outputs = await handled(name, [GOOD[name], ODD[odd], GOOD[name]], tmp_path)
    assert list(parked(outputs)) == [1]
    assert next(each.value for each in outputs if each.topic is PARKING) == ODD[odd]


def counted() -> dict[str, float]:
    """What processors count of their own; what the runtime counts of each record is another matter."""
    of_runtime = ("exlify_records_", "exlify_parked_", "exlify_hop_")
    found = [
        each for metric in REGISTRY.collect() for each in metric.samples if metric.type in ("counter", "histogram")
    ]
    ours = [each for each in found if each.name.startswith("exlify_") and not each.name.startswith(of_runtime)]
    return {f"{each.name}{each.labels}": each.value for each in ours if not each.name.endswith(("_created", "_sum"))}


async def counts_of(name: str, values: list[bytes | None], folder: Path) -> dict[str, float]:
    before = counted()
    await handled(name, values, folder)
    return {key: value - before.get(key, 0) for key, value in counted().items() if value != before.get(key, 0)}


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("orchestrate", "a key of the runtime"),
        ("decide", "arguments that are no JSON"),
        ("human", "arguments that are no JSON"),
    ],
)
async def test_batch_with_a_bad_record_counts_once(name: str, odd: str, tmp_path: Path) -> None:
    good = asked(b'{"team": 5}') if name == "human" else GOOD[name]  # a task that is opened is not counted yet
    alone = await counts_of(name, [good], tmp_path / "alone")
    assert alone and {*alone.values()} == {1.0}
    assert await counts_of(name, [good, ODD[odd]], tmp_path / "with") == alone


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

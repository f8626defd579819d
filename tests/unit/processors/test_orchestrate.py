"""Orchestrate: what a record does to the table and to the wire, once, also when it is delivered again after a crash."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY

from models.serving.shelf import Shelf
from schemas.codec import Codec
from schemas.messages import CONTROL_INSTANCE, HISTORY_ENTRY, START_INSTANCE, STEP_COMMAND, STEP_RESULT
from streams import engine
from streams.definitions.deploy import described
from streams.definitions.outcome_types import OutcomeType, declared
from streams.language import DefinitionError
from streams.processors.orchestrate import DEADLINES, INBOX
from streams.processors.orchestrate.processor import Orchestrate, row_state
from streams.runtime.processor import Effects, Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import empty_book, load
from tests.support.tables import Table

YAML = """
document: { dsl: 1.0.3, namespace: test, name: ask-twice, version: 1.0.0 }
do:
  - first: { call: human, with: { team: a, title: A, outcomes: [done] } }
  - second: { call: human, with: { team: b, title: B, outcomes: [done] } }
"""
INSTANCE = "0123456789abcdef" * 2
KEY = INSTANCE.encode()
CODEC = Codec.offline()
GRAPH = load(YAML)


def orchestrate() -> Orchestrate:
    book = empty_book()
    book.learn(described(GRAPH, YAML, "test", 0))
    return Orchestrate(context(CODEC, definitions=book))


def message(offset: int, name: str, fields: dict[str, Any]) -> Message:
    value = CODEC.encode(name, fields)
    return Message(Record(INBOX.name, 0, offset, 1_000 + offset, KEY, value), *CODEC.decode(value))


def start(offset: int) -> Message:
    return message(
        offset,
        START_INSTANCE,
        {
            "instance_id": INSTANCE, "workflow": GRAPH.name, "version": GRAPH.version, "digest": GRAPH.digest,
            "source": "test", "event_id": "1", "event_type": "test.v1", "time_ms": 0, "data": payload({}),
        },
    )  # fmt: skip


def result(offset: int, number: int, task: str) -> Message:
    step = {"instance_id": INSTANCE, "pointer": f"/do/{number}/{task}", "iteration": 0, "attempt": 0}
    return message(offset, STEP_RESULT, {**step, "status": "completed", "output": payload({})})


def written(effects: Effects) -> list[str]:
    return [CODEC.decode(output.value or b"")[0] for output in effects.outputs]


def test_redelivered_records_have_no_further_effect() -> None:
    table, processor = Table(), orchestrate()
    batch = [start(5), result(6, 0, "first")]
    first = processor.handle(batch, table)
    table.apply(first)
    again = processor.handle(batch, table)
    assert written(first) == [STEP_COMMAND, HISTORY_ENTRY, STEP_COMMAND, HISTORY_ENTRY]
    assert again == Effects([], {})


def test_ends_of_a_workflow_are_counted_from_zero_on() -> None:
    """The first fault of it is an increase then, and no beginning."""
    for count in orchestrate().handle([start(5)], Table()).counts:
        count()
    ends = ("completed", "faulted", "cancelled")
    labels = [{"workflow": GRAPH.name, "status": status} for status in ends]
    assert [REGISTRY.get_sample_value("exlify_instances_total", each) for each in labels] == [0, 0, 0]


def test_redelivered_head_leaves_new_records_their_effect() -> None:
    batch = [start(5), result(6, 0, "first"), result(7, 1, "second")]
    whole, broken, processor = Table(), Table(), orchestrate()
    whole.apply(processor.handle(batch, whole))
    broken.apply(processor.handle(batch[:2], broken))
    broken.apply(processor.handle(batch, broken))
    assert broken.rows == whole.rows


def test_result_that_came_twice_is_recorded_as_ignored() -> None:
    table, processor = Table(), orchestrate()
    table.apply(processor.handle([start(5), result(6, 0, "first")], table))
    effects = processor.handle([result(7, 0, "first")], table)
    (output,) = effects.outputs
    _, entry = CODEC.decode(output.value or b"")
    assert [each["phase"] for each in entry["transitions"]] == ["result.ignored"]


def test_row_holds_the_state_that_the_engine_gave() -> None:
    table, processor = Table(), orchestrate()
    table.apply(processor.handle([start(5)], table))
    found = row_state(table.get(KEY))
    assert isinstance(found, engine.Instance)
    assert (found.digest, found.seq) == (GRAPH.digest, 0)


def test_command_to_decide_is_pinned_to_the_version_that_decides() -> None:
    yaml = """
document: { dsl: 1.0.3, namespace: test, name: ask-models, version: 1.0.0 }
do:
  - both:
      fork:
        branches:
          - known: { call: decide, with: { model: credit-risk } }
          - unknown: { call: decide, with: { model: crystal-ball } }
"""
    graph, book = load(yaml), empty_book()
    book.learn(described(graph, yaml, "test", 0))
    first = start(0)
    value = CODEC.encode(
        START_INSTANCE,
        {**first.data, "workflow": graph.name, "digest": graph.digest},
    )
    asked = Message(Record(INBOX.name, 0, 0, 1_000, KEY, value), *CODEC.decode(value))
    effects = Orchestrate(context(CODEC, definitions=book)).handle([asked], Table())
    bundled = Shelf().active["credit-risk"]
    messages = [CODEC.decode(output.value or b"") for output in effects.outputs]
    assert [data["pin"] for name, data in messages if name == STEP_COMMAND] == [bundled.text, "none"]


def test_an_instance_tells_of_its_deadline_when_it_begins_and_ends_and_only_if_it_has_one() -> None:
    timed = YAML.replace("version: 1.0.0", "version: 1.0.1, metadata: {deadline: {hours: 4}, calendar: office}")
    graph, book, table = load(timed), empty_book(), Table()
    book.learn(described(graph, timed, "test", 0))
    processor = Orchestrate(context(CODEC, definitions=book))
    begin = start(5)
    begin = message(5, START_INSTANCE, {**begin.data, "digest": graph.digest, "version": graph.version})
    told = []
    for each in (begin, begin, result(6, 0, "first"), result(7, 1, "second")):
        effects = processor.handle([each], table)
        table.apply(effects)
        told += [CODEC.decode(one.value or b"")[1] for one in effects.outputs if one.topic == DEADLINES]
    assert [(each["over"], each["within_ms"], each["calendar"]) for each in told] == [
        (False, 4 * 3_600_000, "office"), (True, 4 * 3_600_000, "office"),
    ]  # fmt: skip
    assert told[0]["started_at_ms"] == told[1]["started_at_ms"] == begin.record.timestamp_ms


def test_a_deadline_begins_and_ends_with_the_definition_that_the_instance_is_moved_to() -> None:
    timed = {hours: YAML.replace("version: 1.0.0", f"version: 1.0.{hours}, metadata: {{deadline: {{hours: {hours}}}}}")
             for hours in (4, 8)}  # fmt: skip
    graphs, book, table = {hours: load(yaml) for hours, yaml in timed.items()}, empty_book(), Table()
    for graph, yaml in ((GRAPH, YAML), *((graphs[hours], yaml) for hours, yaml in timed.items())):
        book.learn(described(graph, yaml, "test", 0))
    processor = Orchestrate(context(CODEC, definitions=book))
    moves = [
        message(number, CONTROL_INSTANCE, {"instance_id": INSTANCE, "control_id": str(number), "action": "move",
                "digest": graph.digest, "why": "better", "actor": "kim"})
        for number, graph in enumerate((graphs[4], graphs[8], GRAPH), 6)
    ]  # fmt: skip
    told = []
    for each in (start(5), *moves, result(9, 0, "first"), result(10, 1, "second")):
        effects = processor.handle([each], table)
        table.apply(effects)
        told += [CODEC.decode(one.value or b"")[1] for one in effects.outputs if one.topic == DEADLINES]
    assert [(each["over"], each["within_ms"] // 3_600_000) for each in told] == [(False, 4), (False, 8), (True, 8)]
    assert {each["started_at_ms"] for each in told} == {1_005}


def test_a_deadline_that_is_no_duration_is_a_fault() -> None:
    with pytest.raises(DefinitionError, match="`deadline` is no duration"):
        load(YAML.replace("version: 1.0.0", "version: 1.0.1, metadata: {deadline: soon}"))


def test_outcome_has_the_type_that_its_definition_was_deployed_with() -> None:
    yaml = YAML.replace(
        "do:\n", "output: {schema: {document: {type: object, properties: {n: {type: integer}}}}}\ndo:\n"
    ).replace("ask-twice", "typed")
    graph, book, codec = load(yaml), empty_book(), Codec.offline()
    schema = declared(graph)
    assert schema is not None
    codec.know(7, schema)
    book.learn(described(graph, yaml, "test", 0) | OutcomeType(7, schema).fields())
    processor, table = Orchestrate(context(codec, definitions=book)), Table()
    begun = start(5)
    begun.data.update(workflow="typed", digest=graph.digest)
    ended = result(7, 1, "second")
    ended.data["output"] = payload({"n": 3})
    outputs = processor.handle([begun, result(6, 0, "first"), ended], table).outputs
    (value,) = [each.value or b"" for each in outputs if each.topic.name == "engine.outcome.typed.v1"]
    name, told = codec.decode(value)
    assert (name, told["status"], told["output"]) == ("exlify.outcome.typed.Outcome", "completed", {"n": 3})

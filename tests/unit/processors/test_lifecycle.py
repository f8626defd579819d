"""What happens to instances and tasks, as events of the language: which, in what order, with which data."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.cloudevents_http import STRUCTURED, parse_request
from schemas.codec import Codec
from schemas.messages import HISTORY_ENTRY
from schemas.reasons import Reason
from schemas.steps import problem
from streams.catalogue import load_settings
from streams.definitions.deploy import described
from streams.ground.settings import Settings
from streams.processors.lifecycle import DECLARATION, LIFECYCLE
from streams.processors.lifecycle.processor import Lifecycle
from streams.processors.orchestrate import HISTORY
from streams.runtime.processor import Message, NotYet, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.definitions import empty_book, load
from tests.support.tables import Table

INSTANCE = "ab" * 16
TEXT = """
document: {dsl: '1.0.3', namespace: shop, name: order, version: '1.2.0'}
do:
- ask: {listen: {to: {one: {with: {type: paid.v1}}}}}
- note: {set: {x: 1}}
"""
GRAPH = load(TEXT)
ERROR = problem(Reason.UNREACHED, "away", "/do/1/note")


def _settings(told: str) -> Settings:
    return load_settings({"EXLIFY_LIFECYCLE_EVENTS": told})


def entry(*phases: tuple[str, str, Any], seq: int = 3) -> dict[str, Any]:
    changes = [
        {"pointer": at, "iteration": 0, "attempt": 0, "phase": phase, "data": None if data is None else payload(data)}
        for phase, at, data in phases
    ]
    return {
        "instance_id": INSTANCE, "seq": seq, "at_ms": 1_700_000_000_000, "workflow": "order", "version": "1.2.0",
        "digest": GRAPH.digest, "status": "running", "business_key": "K", "cause": b"", "transitions": changes,
    }  # fmt: skip


def told(level: str, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    book = empty_book()
    book.learn(described(GRAPH, TEXT, "test", 0))
    processor = Lifecycle(context(Codec.offline(), _settings(level), book))
    messages = [
        Message(Record(HISTORY.name, 0, at, 0, INSTANCE.encode(), b""), HISTORY_ENTRY, each)
        for at, each in enumerate(entries)
    ]
    outputs = processor.handle(messages, Table()).outputs
    assert {each.topic for each in outputs} <= {LIFECYCLE}
    assert {each.key for each in outputs} <= {INSTANCE.encode()}
    for each in outputs:
        parse_request([("content-type", STRUCTURED)], each.value or b"")  # raises where it is no event
    return [orjson.loads(each.value or b"") for each in outputs]


def names(events: list[dict[str, Any]]) -> list[str]:
    return [each["type"].removeprefix("io.serverlessworkflow.").removesuffix(".v1") for each in events]


STARTED = entry(("workflow.started", "", None), ("task.started", "/do/0/ask", {"in": 1}), seq=0)
HEARD = entry(
    ("task.received", "/do/0/ask", {}),
    ("task.completed", "/do/0/ask", [1]),
    ("task.started", "/do/1/note", None),
    ("task.completed", "/do/1/note", {"x": 1}),
    ("workflow.completed", "", {"x": 1}),
    seq=1,
)


def test_nothing_is_read_and_told_unless_it_is_wanted() -> None:
    assert told("off", STARTED, HEARD) == []
    assert HISTORY not in DECLARATION.inputs(_settings("off"))
    assert HISTORY in DECLARATION.inputs(_settings("instances"))


def test_instances_are_told_with_name_definition_and_time() -> None:
    events = told("instances", STARTED, HEARD)
    assert names(events) == ["workflow.started", "workflow.completed"]
    at = "2023-11-14T22:13:20.000Z"
    assert events[0]["data"] == {
        "name": f"order-{INSTANCE}.shop",
        "definition": {"name": "order", "namespace": "shop", "version": "1.2.0"},
        "startedAt": events[0]["time"],
    }
    assert events[0]["time"].startswith(at[:19])
    assert events[0]["subject"] == INSTANCE
    assert events[0]["source"] == "/workflows/shop/order"
    assert "output" not in events[1]["data"]


def test_tasks_are_told_and_listening_is_correlation() -> None:
    assert names(told("tasks", STARTED, HEARD)) == [
        "workflow.started",
        *("task.created", "task.started", "workflow.correlation-started"),
        *("task.completed", "workflow.correlation-completed"),
        *("task.created", "task.started", "task.completed"),
        "workflow.completed",
    ]


@pytest.mark.parametrize(("level", "shown"), [("tasks", False), ("outputs", True)])
def test_outputs_are_told_only_where_they_may_be(level: str, shown: bool) -> None:
    done = [each for each in told(level, HEARD) if each["type"].endswith(".completed.v1")]
    assert [("output" in each["data"]) for each in done] == [shown] * len(done)
    if shown:
        assert done[-1]["data"]["output"] == {"x": 1}


@pytest.mark.parametrize("phase", ["suspended", "resumed", "cancelled"])
def test_control_is_told_without_who_and_why(phase: str) -> None:
    (event,) = told("outputs", entry((f"workflow.{phase}", "", {"actor": "ada", "why": "w"})))
    assert event["data"].keys() == {"name", f"{phase}At"}


def test_error_has_the_members_of_the_language() -> None:
    events = told("tasks", entry(("task.faulted", "/do/1/note", ERROR), ("workflow.faulted", "", ERROR)))
    for each in events:
        assert each["data"]["error"] == {
            name: ERROR[name] for name in ("type", "title", "status", "detail", "instance")
        }
    assert names(events) == ["task.faulted", "workflow.faulted"]


def test_entry_that_comes_again_gives_the_same_ids() -> None:
    once, twice = told("tasks", STARTED, HEARD), told("tasks", STARTED, HEARD, HEARD)
    assert len({each["id"] for each in once}) == len(once)
    assert {each["id"] for each in twice} == {each["id"] for each in once}


def test_words_that_have_no_event_are_passed_over() -> None:
    assert told("tasks", entry(("result.ignored", "/do/0/ask", None), ("something.new", "", {}))) == []


async def test_broken_definition_costs_its_namespace_and_no_more() -> None:
    processor = Lifecycle(context(Codec.offline(), _settings("tasks")))
    message = Message(Record(HISTORY.name, 0, 0, 0, INSTANCE.encode(), b""), HISTORY_ENTRY, STARTED)
    with pytest.raises(NotYet) as missing:
        processor.handle([message], Table())
    await missing.value.wait()
    events = [orjson.loads(each.value or b"") for each in processor.handle([message], Table()).outputs]
    assert events[0]["data"]["name"] == f"order-{INSTANCE}"

"""`emit`, as an author writes it."""

from __future__ import annotations

import pytest

from streams.catalogue import FUNCTIONS
from streams.language import check
from streams.language.constructs.emit import FUNCTION

HEAD = "document: {dsl: '1.0.3', namespace: t, name: w, version: '1.0.0'}\n"


def told(text: str) -> list[str]:
    return [f"{fault.severity}[{fault.code}] {fault.message}" for fault in check(HEAD + text, "w.yaml", FUNCTIONS)]


@pytest.mark.parametrize(
    "event",
    [
        "{type: com.example.paid.v1}",
        "{type: '${ .kind }', source: 'urn:shop:1', subject: '${ .order }', time: '${ .at }', data: {n: ['${ .n }']}}",
        "{type: a.b, tenant: x, partitionkey: '${ .order }', data: null, subject: null}",
    ],
)
def test_events_that_may_be_written(event: str) -> None:
    assert told(f"do: [{{tell: {{emit: {{event: {{with: {event}}}}}}}}}]") == []


@pytest.mark.parametrize(
    ("emit", "fault"),
    [
        ("{event: {with: {data: 1}}}", "error[missing] `with` lacks `type`"),
        ("{event: {}}", "error[missing] `event` lacks `with`"),
        ("{event: {with: text}}", "error[type] `with` is a text where an object is needed"),
        ("{event: {with: {type: a.b, Subject: x}}}", "error[event] 'Subject' is no attribute name"),
        ("{event: {with: {type: a.b, time: noon}}}", "error[event] `time` must be a time of RFC 3339"),
        ("{event: {with: {type: a.b, subject: 5}}}", "error[type] `subject` is a number where a text"),
        ("{event: {with: {type: a.b}}, cc: x}", "error[unknown-key] unknown key `cc`"),
    ],
)
def test_events_that_may_not(emit: str, fault: str) -> None:
    found = told(f"do: [{{tell: {{emit: {emit}}}}}]")
    assert len(found) == 1 and found[0].startswith(fault), found


def test_its_function_is_one_that_there_is() -> None:
    assert FUNCTIONS[FUNCTION].name == FUNCTION


def test_event_that_starts_its_own_workflow_is_pointed_out() -> None:
    on = "schedule: {on: {one: {with: {type: a.b}}}}\n"
    task = "do: [{tell: {emit: {event: {with: {type: a.b}}}}}]"
    assert [fault.partition("]")[0] for fault in told(on + task)] == ["warning[event-circle"]
    assert told(task) == []

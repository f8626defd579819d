"""What expressions can read besides their data."""

from __future__ import annotations

import pytest

from schemas.times import rfc3339
from streams.engine.variables import date_time
from tests.support.trial import INSTANCE, START_MS, Trial


def test_date_time_is_the_descriptor_of_the_language() -> None:
    assert date_time(1_700_000_000_123) == {
        "iso8601": "2023-11-14T22:13:20.123Z",
        "epoch": {"seconds": 1_700_000_000, "milliseconds": 1_700_000_000_123},
    }
    assert date_time(0)["iso8601"] == "1970-01-01T00:00:00.000Z"


def test_workflow_tells_about_the_instance() -> None:
    trial = Trial("- w: {wait: {seconds: 1}}\n- a: {set: {w: '${ $workflow }'}}", {"n": 1})
    trial.pass_time(1000)
    assert trial.output["w"] == {
        "id": INSTANCE,
        "definition": trial.graph.document,
        "input": {"n": 1},
        "startedAt": date_time(START_MS),
    }


EVENTS = "schedule: {on: {one: {with: {type: tests.begun}}}}"


def test_input_of_a_workflow_that_events_start_is_the_list_of_them() -> None:
    trial = Trial("- a: {set: '${ {events: $workflow.input, data: .} }'}", {"n": 1}, EVENTS)
    event = {
        "specversion": "1.0", "id": "1", "source": "/tests", "type": "tests.begun", "time": rfc3339(START_MS),
        "datacontenttype": "application/json", "subject": "K-1", "data": {"n": 1},
    }  # fmt: skip
    assert trial.output == {"events": [event], "data": {"n": 1}}


def test_schema_and_from_of_a_workflow_see_the_data_of_the_event() -> None:
    more = EVENTS + "\ninput: {schema: {document: {required: [n]}}, from: '${ .n + ($workflow.input[0].data.n) }'}"
    assert Trial("- a: {set: {n: '${ . }'}}", {"n": 1}, more).output == {"n": 2}


def test_list_of_events_is_there_after_a_wait() -> None:
    trial = Trial("- w: {wait: {seconds: 1}}\n- a: {set: {n: '${ $workflow.input[0].data.n }'}}", {"n": 1}, EVENTS)
    trial.pass_time(1000)
    assert trial.output == {"n": 1}


def test_task_tells_about_itself() -> None:
    trial = Trial("- w: {wait: {seconds: 1}, output: {as: '${ $task }'}}", {"n": 1})
    trial.pass_time(1000)
    assert trial.output == {
        "name": "w",
        "reference": "/do/0/w",
        "definition": {"wait": {"seconds": 1}, "output": {"as": "${ $task }"}},
        "input": {"n": 1},
        "output": {"n": 1},
        "startedAt": date_time(START_MS),
    }


def test_runtime_names_the_engine() -> None:
    assert Trial("- a: {set: {r: '${ $runtime.name }'}}").output == {"r": "exlify"}


@pytest.mark.parametrize(
    ("read", "given"),
    [
        ("data", {"n": 1}),
        ("raw", '{"n":1}'),
        (
            "envelope",
            {
                "specversion": "1.0", "id": "1", "source": "/tests", "type": "tests.begun", "subject": "K-1",
                "time": "2023-11-14T22:13:20.000Z", "datacontenttype": "application/json", "data": {"n": 1},
            },
        ),
    ],
)  # fmt: skip
def test_read_says_what_of_the_event_is_the_input(read: str, given: object) -> None:
    more = f"schedule: {{read: {read}, on: {{one: {{with: {{type: tests.begun}}}}}}}}"
    assert Trial("- a: {set: {got: '${ . }'}}", {"n": 1}, more).output == {"got": given}
    assert Trial("- a: {set: {got: '${ . }'}}", {"n": 1}, more.replace("begun", "other")).output == {"got": {"n": 1}}

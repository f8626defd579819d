"""What expressions can read besides their data."""

from __future__ import annotations

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

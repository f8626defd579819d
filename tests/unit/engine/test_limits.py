"""Limits: each ends the instance with an error that names it, and nothing of the step that broke it has happened."""

from __future__ import annotations

import dataclasses
import tracemalloc
from typing import Any

import msgspec
import pytest

from schemas.payload import Payload
from streams.engine import Limits, step
from streams.language.constructs.set_ import Set
from streams.language.expressions import Constant
from tests.support.trial import START_MS, Trial, call

CYCLE = "- a: {set: {n: '${ .n + 1 }'}}\n- b: {switch: [{again: {then: a}}]}"
CYCLE_OF_50 = CYCLE.replace("then: a", "when: '${ .n < 50 }', then: a")
LOOP = "- l: {for: {in: '${ [range(20)] }'}, do: [{a: {set: {n: 1}}}]}"
NESTED: Any = []
for _ in range(2000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("tasks", "limits", "named", "pointer"),
    [
        (CYCLE, Limits(task_starts_per_step=10), "more than 10 task starts", "/do/1/b"),
        (LOOP, Limits(loop_iterations_per_step=10), "more than 10 loop iterations", "/do/0/l"),
        ("- a: {do: [{b: {do: [{c: {set: {}}}]}}]}", Limits(nesting=2), "nested deeper than 2", "/do/0/a/do/0/b"),
        (call("a"), Limits(frames=1), "more than 1 tasks open", "/do/0/a"),
        ("- a: {wait: {hours: 1}}", Limits(state_bytes=100), "a state of more than 100 bytes", ""),
        (CYCLE_OF_50, Limits(record_bytes=1000), "a history entry of more than 1000 bytes", ""),
        (call("a"), Limits(record_bytes=20), "a record of more than 20 bytes", "/do/0/a"),
        (
            "- a: {set: {s: '${ .n * 50 | tostring }'}}",
            Limits(record_bytes=5),
            "a record of more than 5 bytes",
            "/output",
        ),
    ],
)
def test_limit_is_named_in_the_error(tasks: str, limits: Limits, named: str, pointer: str) -> None:
    trial = Trial(tasks, {"n": 1}, limits=limits)
    assert named in trial.error["detail"]
    assert (trial.error["reason"], trial.error["instance"]) == ("LIMIT_EXCEEDED", pointer)
    assert [entry.phase for entry in trial.history] == ["workflow.started", "workflow.faulted"]
    assert trial.pending == {}


def test_limit_cannot_be_caught() -> None:
    trial = Trial(
        "- t:\n    try:\n      - a: {set: {}}\n      - b: {switch: [{again: {then: a}}]}\n    catch: {}",
        limits=Limits(task_starts_per_step=10),
    )
    assert trial.error["reason"] == "LIMIT_EXCEEDED"


def test_pending_steps_are_withdrawn_when_a_later_step_breaks_a_limit() -> None:
    trial = Trial(
        "- f:\n    fork:\n      branches:\n        "
        + call("a")
        + "\n        - x: {do: [{"
        + call("b")[2:]
        + "}, {c: {set: {s: '${ . * 1000 }'}}}, {d: {wait: {hours: 1}}}]}",
        limits=Limits(state_bytes=1000),
    )
    trial.answer("b", "long")
    assert trial.error["reason"] == "LIMIT_EXCEEDED"
    assert "/do/0/f/fork/branches/0/a" in [sent.pointer for sent in trial.withdrawn]
    assert "c" not in trial.started


def test_waiting_begins_the_count_anew() -> None:
    trial = Trial(
        """
        - a: {set: {n: '${ .n + 1 }'}}
        - w: {wait: {seconds: 1}}
        - b: {switch: [{again: {when: '${ .n < 50 }', then: a}}]}
        """,
        {"n": 0},
        limits=Limits(task_starts_per_step=10),
    )
    trial.pass_time(50_000)
    assert trial.output == {"n": 50}


@pytest.mark.parametrize("value", [2**70, "\ud800", NESTED])
def test_data_that_no_record_can_hold_faults_the_instance(value: object) -> None:
    trial = Trial("- a: {set: {n: 1}}\n- w: {wait: {hours: 1}}")
    tasks = list(trial.graph.tasks)
    assert isinstance(tasks[1], Set)
    tasks[1] = dataclasses.replace(tasks[1], value=Constant(value))
    for last in (2, -1):  # once it has to be stored, once it is the output
        tasks[1] = dataclasses.replace(tasks[1], next=last)
        done = step(dataclasses.replace(trial.graph, tasks=tuple(tasks)), None, trial.start_event, START_MS)
        assert done.outcome is not None
        assert done.outcome.status == "faulted"


def test_ten_thousand_iterations_need_no_recursion() -> None:
    trial = Trial("- l: {for: {in: '${ [range(4000)] }'}, do: [{a: {set: {n: '${ .n + 1 }'}}}]}", {"n": 0})
    assert trial.output == {"n": 4000}


def test_data_nested_too_deeply_faults_the_instance() -> None:
    trial = Trial(
        """
        - a: {set: {}, export: {as: '${ {x: $input} }'}}
        - f: {fork: {branches: [{b: {set: {}, export: {as: '${ $context }'}}}]}}
        """
    )
    start = msgspec.structs.replace(trial.start_event, data=Payload.inside(b"[" * 1000 + b"]" * 1000))
    done = step(trial.graph, None, start, START_MS)
    assert done.outcome is not None
    assert done.outcome.error is not None
    assert done.outcome.error["reason"] == "LIMIT_EXCEEDED"


def _sixty(task: str) -> str:
    """The same task sixty times."""
    return "\n".join(f"- a{number}: {task}" for number in range(60))


def _loop(body: str) -> str:
    return f"- a: {{for: {{in: '${{ [range(60)] }}'}}, do: [{body}]}}"


DOUBLED = "{b: {set: {x: '${ [.x, .x] }'}}}"
DOUBLING = {
    "loop": _loop(DOUBLED),
    "sets": _sixty("{set: {x: '${ . }', y: '${ . }'}}"),
    "lists": _sixty("{set: '${ [., .] }'}"),
    "pipes": _loop("{b: {set: '${ {a: .x, b: .x} | {x: [.a, .b]} }'}}"),
    "calls": _loop(DOUBLED) + "\n" + call("c"),
    "exports": _sixty("{set: {}, export: {as: '${ {a: $context, b: $context, x: $input} }'}}"),
    "outputs": _sixty("{do: [{b: {set: '${ . }'}}], output: {as: '[., $input]'}}"),
    "inputs": _sixty("{set: '${ . }', input: {from: '[., .]'}}"),
    "forks": _sixty("{fork: {branches: [{b: {set: '${ . }'}}, {c: {set: '${ . }'}}]}}"),
    "texts": _loop("{b: {set: {x: '${ .x + .x }'}}}"),
    "templates": _loop("{b: {set: {x: ['${ .x }', {y: '${ .x }'}]}}}"),
    "conditions": _loop(DOUBLED + ", {c: {if: '.x == [.x]', set: {}}}"),
    "schemas": _loop(DOUBLED[:-2] + ", output: {schema: {document: {type: object, properties: {x: {type: array}}}}}}}"),
    "errors": _loop(DOUBLED)
    + "\n- r: {if: '.x != null', raise: {error: {type: 'https://e.com/x', status: 400, detail: '${ . }'}}}",
    "at once": "- a: {set: {x: [" + ", ".join(["'${ . }'"] * 6000) + "]}}",
}


@pytest.mark.parametrize("tasks", DOUBLING.values(), ids=DOUBLING)
@pytest.mark.parametrize(
    "last", ["\n- y: {set: '${ . }', export: {as: .}}", "\n- z: {wait: {hours: 1}}"], ids=["ends", "waits"]
)
def test_data_that_doubles_breaks_a_limit_before_it_is_written(tasks: str, last: str) -> None:
    tracemalloc.start()
    trial = Trial(tasks + last, {"x": "x" * 1000})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # a text meets the limit of expressions before it meets that of records
    assert trial.error.get("reason") == "LIMIT_EXCEEDED" or "more than 4,194,304 characters" in trial.error["detail"]
    assert peak < 120_000_000


def test_state_holds_what_it_shares_as_often_as_it_is_written() -> None:
    branches = ", ".join(f"{{b{n}: {{try: [{{w: {{wait: PT1H}}}}], catch: {{}}}}}}" for n in range(300))
    trial = Trial(f"- f: {{fork: {{branches: [{branches}]}}}}", {"x": "x" * 900_000})
    assert trial.error["reason"] == "LIMIT_EXCEEDED"
    assert "a state of more than" in trial.error["detail"]


def test_large_data_that_does_not_grow_may_pass_many_tasks() -> None:
    body = "set: {n: '${ .n + 1 }', rows: '${ .rows }'}"
    trial = Trial(
        f"- l: {{for: {{in: '${{ [range(3000)] }}'}}, do: [{{a: {{{body}}}}}]}}\n- n: {{set: {{n: '${{ .n }}'}}}}",
        {"n": 0, "rows": [{"id": number, "name": f"row {number}"} for number in range(20_000)]},
    )
    assert trial.output == {"n": 3000}

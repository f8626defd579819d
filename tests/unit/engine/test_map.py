"""`call: map`: a child for each element, so many at a time, in order whatever comes first."""

from __future__ import annotations

from typing import Any

import pytest

from streams.engine import LIMITS, Limits, Step, StepCommand, StepResult
from streams.language.constructs.map_ import MAX_ELEMENTS
from tests.support.data import payload
from tests.support.trial import INSTANCE, Trial, graph_of

Json = Any
BODY = "/do/0/m/with/workflow"
BROKEN = {"type": "https://example.com/broken", "title": "Broken", "status": 500, "detail": None}
MENDED = Limits(incidents=True)


def text(more: str = "", outside: str = "") -> str:
    workflow = "workflow: {namespace: sales, name: refund, input: '${ [$item, $index, .n] }'}"
    return f"- m: {{call: map, with: {{in: '${{ .list }}', {workflow}{more}}}{outside}}}"


class Maps(Trial):
    """A trial that knows the elements of one task apart."""

    def __init__(self, tasks: str, of: int = 5, limits: Limits = LIMITS) -> None:
        self.open: dict[int, StepCommand] = {}
        super().__init__(tasks, {"n": of, "list": [f"e{number}" for number in range(of)]}, limits=limits)

    def send(self, event: Any, corrected: Any = None) -> Step:
        done = super().send(event, corrected)
        self.open |= {each.iteration: each for each in done.commands if isinstance(each, StepCommand)}
        return done

    def gives(self, number: int, output: Json = None, error: dict[str, Json] | None = None) -> Step:
        command = self.open.pop(number)
        return self.send(
            StepResult(
                instance_id=INSTANCE, pointer=command.pointer, iteration=number, attempt=command.attempt,
                status="completed" if error is None else "faulted",
                output=payload(output) if error is None else None, error=error,
            )
        )  # fmt: skip


def test_outputs_stand_in_the_order_of_the_elements_whichever_comes_first() -> None:
    trial = Maps(text())
    assert [trial.open[number].arguments.value() for number in range(5)] == [
        {"await": True, "namespace": "sales", "name": "refund", "input": [f"e{number}", number, 5], "depth": 1}
        for number in range(5)
    ]
    assert {(each.pointer, each.function) for each in trial.open.values()} == {(BODY, "run")}
    for number in (3, 0, 4, 1, 2):
        trial.gives(number, f"r{number}")
    assert trial.output == ["r0", "r1", "r2", "r3", "r4"]


def test_only_so_many_are_open_at_a_time_and_the_next_begins_when_one_ends() -> None:
    trial = Maps(text(", concurrency: 2"))
    begun = []
    for number in (1, 0, 2, 4, 3):
        begun.append(sorted(trial.open))
        trial.gives(number, number)
    assert begun == [[0, 1], [0, 2], [2, 3], [3, 4], [3]]
    assert trial.output == [0, 1, 2, 3, 4]


def test_element_is_the_input_where_none_is_said_and_an_empty_list_gives_an_empty_one() -> None:
    plain = "- m: {call: map, with: {in: [1, {a: 2}], each: one, workflow: {namespace: a, name: b, version: '2.0.0'}}}"
    trial = Maps(plain)
    assert [each.arguments.value()["input"] for each in trial.open.values()] == [1, {"a": 2}]
    assert Maps(text(), of=0).output == []


def test_first_that_fails_ends_the_others() -> None:
    caught = f"- t: {{try: [{text()[2:]}], catch: {{as: e, do: [{{s: {{set: '${{ $e.instance }}'}}}}]}}}}".replace(
        "try: [m:", "try: [{m:"
    ).replace("}], catch", "}}], catch")
    trial = Maps(caught)
    trial.gives(2, error=BROKEN)
    assert trial.output == "/do/0/t/try/0/m/with/workflow"
    assert sorted(each.iteration for each in trial.withdrawn) == [0, 1, 3, 4]


def test_what_fails_is_part_of_the_output_where_that_is_said() -> None:
    trial = Maps(text(", failure: collect, concurrency: 3"), of=4, limits=MENDED)
    trial.gives(1, error=BROKEN)
    for number in (0, 2, 3):
        trial.gives(number, number)
    error = {"type": "https://example.com/broken", "title": "Broken", "status": 500, "instance": BODY}
    assert trial.output == [{"output": 0}, {"error": error}, {"output": 2}, {"output": 3}]
    assert trial.withdrawn == []


def test_element_that_nobody_catches_waits_for_people_and_keeps_its_place() -> None:
    trial = Maps(text(", concurrency: 2"), of=3, limits=MENDED)
    trial.gives(0, error=BROKEN)
    assert trial.status == "incident"
    trial.gives(1, "one")
    trial.gives(2, "two")
    trial.repair("workflow", "retry")
    assert trial.open[0].attempt == 1
    trial.gives(0, "none")
    assert trial.output == ["none", "one", "two"]


def test_element_can_be_left_out_by_people() -> None:
    trial = Maps(text(), of=2, limits=MENDED)
    trial.gives(1, error=BROKEN)
    trial.repair("workflow", "skip", output="by hand")
    trial.gives(0, "zero")
    assert trial.output == ["zero", "by hand"]


@pytest.mark.parametrize("reason", ["cancel", "timeout"])
def test_elements_that_are_not_wanted_any_more_are_taken_back(reason: str) -> None:
    trial = Maps(text(", concurrency: 3", ", timeout: {after: PT1S}"))
    trial.gives(1, 1)
    trial.cancel() if reason == "cancel" else trial.pass_time(1_000)
    assert [(each.pointer, each.iteration) for each in trial.withdrawn] == [(BODY, 3), (BODY, 2), (BODY, 0)]


def test_second_time_in_a_loop_is_counted_on() -> None:
    trial = Maps(f"- l: {{for: {{in: [1, 2]}}, do: [{{{text()[2:]}}}], input: {{from: '${{ . }}'}}}}".replace(
        "${ .list }", "${ [1, 2] }").replace(", .n]", "]"))  # fmt: skip
    for number in (1, 0, 3, 2):
        trial.gives(number, number)
    assert trial.output == [2, 3]


def test_suspended_instance_takes_what_came_when_it_goes_on() -> None:
    trial = Maps(text(", concurrency: 2"), of=3)
    trial.control("suspend")
    trial.gives(1, "one")
    assert sorted(trial.open) == [0]
    trial.control("resume")
    assert sorted(trial.open) == [0, 2]


def test_there_are_so_many_elements_at_most() -> None:
    trial = Maps(f"- m: {{call: map, with: {{in: '${{ [range({MAX_ELEMENTS + 1})] }}', "
                 "workflow: {namespace: a, name: b}}}")  # fmt: skip
    assert trial.error["reason"] == "LIMIT_EXCEEDED"
    assert trial.error["instance"] == "/do/0/m"


def test_thousand_may_be_open_at_once() -> None:
    trial = Maps(text(", concurrency: 1000"), of=1_000)
    assert len(trial.open) == 1_000
    trial.cancel()
    assert len({each.iteration for each in trial.withdrawn}) == 1_000


def test_open_map_moves_to_another_version_unless_it_keeps_failures_there() -> None:
    other = graph_of(text(", concurrency: 3"), "output: {as: '${ {all: .} }'}")
    trial = Maps(text(", concurrency: 1"), of=2)
    trial.control("move", other)
    trial.gives(0, 0)
    trial.gives(1, 1)
    assert trial.output == {"all": [0, 1]}
    trial = Maps(text())
    trial.control("move", graph_of(text(", failure: collect")))
    told = trial.history[-1].data
    assert told is not None
    assert "keeps what fails there now" in told.value()["refused"]

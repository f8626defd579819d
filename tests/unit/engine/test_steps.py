"""Commands and results, second deliveries, cancellation, and what an ended instance leaves behind."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import orjson
import pytest

from schemas.ids import Key
from schemas.payload import Payload
from streams.engine import (
    LIMITS,
    CancelInstance,
    CancelStep,
    Event,
    Marker,
    Outcome,
    StartInstance,
    StepCommand,
    StepResult,
    TimerFired,
    Transition,
    decode_state,
    next_due_ms,
    step,
)
from tests.support.data import payload
from tests.support.trial import INSTANCE, START_MS, Trial, call

TWO = call("a") + "\n" + call("b")


def test_command_carries_all_that_a_processor_needs() -> None:
    trial = Trial(call("a", ", metadata: {effect: keyed}"), {"n": 1})
    assert msgspec.structs.asdict(trial.pending["/do/0/a"]) == {
        "instance_id": INSTANCE,
        "pointer": "/do/0/a",
        "iteration": 0,
        "attempt": 0,
        "function": "human",
        "arguments": trial.pending["/do/0/a"].arguments,
        "deadline_ms": None,
        "workflow": "trial",
        "version": "1.0.0",
        "digest": trial.graph.digest,
        "effect": "keyed",
        "business_key": "K-1",
        "key": None,
        "recovery": None,
        "probe": None,
        "followed": False,
    }
    assert trial.pending["/do/0/a"].arguments.value()["input"] == {"n": 1}


def test_outcome_tells_all_about_the_end() -> None:
    trial = Trial("- w: {wait: {seconds: 1}}", {"n": 1})
    trial.pass_time(1000)
    assert trial.outcome == Outcome(
        INSTANCE, "trial", "1.0.0", trial.graph.digest, "completed", payload({"n": 1}), None, Key("K-1"), "/tests",
        Key("1"), START_MS, START_MS + 1000,
    )  # fmt: skip


def test_history_is_numbered_without_gaps() -> None:
    trial = Trial(TWO)
    numbers = [decode_state(trial.row or b"").seq]
    for name in "ab":
        trial.answer(name)
        numbers.append(decode_state(trial.row or b"").seq)
    assert numbers == [0, 1, 2]


def test_history_of_a_step_is_lean() -> None:
    trial = Trial(TWO)
    trial.history.clear()
    trial.answer("a", {"n": 1})
    assert trial.history == [
        Transition("/do/0/a", 0, 0, "task.completed"),
        Transition("/do/1/b", 0, 0, "task.started"),
    ]


def test_result_that_comes_twice_counts_once() -> None:
    trial = Trial(TWO)
    result = trial.result("a", {"n": 1})
    trial.send(result)
    trial.send(result)
    assert trial.waiting_for == ["b"]
    assert trial.history[-1] == Transition("/do/0/a", 0, 0, "result.ignored")
    trial.answer("b", "done")
    assert trial.output == "done"


@pytest.mark.parametrize(
    "foreign",
    [{"iteration": 1}, {"iteration": -1}, {"attempt": 1}, {"pointer": "/do/1/b"}, {"pointer": "/nowhere"}],
)
def test_result_of_another_step_is_recorded_and_ignored(foreign: dict[str, object]) -> None:
    trial = Trial(TWO)
    wrong = msgspec.structs.replace(Trial(TWO).result("a"), **foreign)
    done = trial.send(wrong)
    assert [entry.phase for entry in done.transitions] == ["result.ignored"]
    assert trial.waiting_for == ["a"]


def test_late_result_of_a_loop_does_not_count_for_the_next() -> None:
    trial = Trial(f"- l: {{for: {{in: '${{ [1, 2] }}'}}, do: [{{{call('a')[2:]}}}]}}")
    first = trial.result("a", "first")
    trial.send(first)
    trial.send(first)
    assert [entry.phase for entry in trial.history].count("result.ignored") == 1
    assert trial.outcome is None


def test_output_that_is_no_json_faults_the_task() -> None:
    trial = Trial(call("a"))
    broken = msgspec.structs.replace(trial.result("a"), output=Payload.inside(b"{"))
    trial.send(broken)
    assert (trial.error["status"], trial.error["instance"]) == (500, "/do/0/a")


def test_fault_without_error_is_still_an_error() -> None:
    trial = Trial(call("a"))
    trial.send(msgspec.structs.replace(trial.result("a"), status="faulted", output=None))
    assert trial.error["status"] == 500


def test_start_event_of_a_live_instance_is_passed_over() -> None:
    trial = Trial(TWO)
    before = trial.row
    done = trial.send(trial.start_event)
    assert (trial.row, done.commands, done.transitions) == (before, [], [])


def test_start_data_that_is_no_json_faults_the_instance() -> None:
    trial = Trial(TWO)
    done = step(trial.graph, None, msgspec.structs.replace(trial.start_event, data=Payload.inside(b"\xff")), START_MS)
    assert done.outcome is not None
    assert done.outcome.error is not None
    assert (done.outcome.status, done.outcome.error["instance"]) == ("faulted", "/input")


def test_events_without_an_instance_do_nothing() -> None:
    trial = Trial(TWO)
    result = trial.result("a")
    for event in (
        result,
        TimerFired(instance_id=INSTANCE, due_ms=1),
        CancelInstance(instance_id=INSTANCE, reason="", actor=""),
    ):
        done = step(trial.graph, None, event, START_MS)
        assert (done.state, done.row, done.commands, done.transitions, done.outcome) == (None, None, [], [], None)


def test_cancelled_instance_withdraws_its_steps() -> None:
    trial = Trial("- f:\n    fork:\n      branches:\n        " + call("a") + "\n        - w: {wait: {days: 1}}")
    trial.cancel("ordered twice")
    assert trial.outcome is not None
    assert trial.outcome.status == "cancelled"
    assert trial.outcome.error is not None
    assert trial.outcome.error["detail"] == "Cancelled: ordered twice"
    assert [sent.pointer for sent in trial.withdrawn] == ["/do/0/f/fork/branches/0/a"]
    assert [entry.phase for entry in trial.history][-4:] == ["task.cancelled"] * 3 + ["workflow.cancelled"]
    assert trial.history[-1].data == payload({"reason": "ordered twice", "actor": "ann"})


def test_ended_instance_ignores_whatever_comes() -> None:
    trial = Trial(TWO)
    late = trial.result("a")
    trial.pending[late.pointer] = Trial(TWO).pending[late.pointer]
    trial.cancel()
    marker = trial.row
    events: list[Event] = [late, trial.start_event, TimerFired(instance_id=INSTANCE, due_ms=START_MS)]
    for event in events:
        assert trial.send(event).transitions == []
    trial.cancel()
    assert trial.row == marker


def test_marker_is_small_and_goes_after_its_time() -> None:
    trial = Trial("- a: {set: {}}")
    assert trial.row is not None
    marker = decode_state(trial.row)
    assert isinstance(marker, Marker)
    assert marker.status == "completed"
    assert len(trial.row) < 32
    assert next_due_ms(marker) == START_MS + LIMITS.deduplication_window_ms
    trial.pass_time(LIMITS.deduplication_window_ms - 1)
    assert trial.row is not None
    trial.pass_time(1)
    assert trial.row is None


def test_running_means_that_a_processor_works() -> None:
    assert Trial("- a: {call: http, with: {method: get, endpoint: 'http://localhost/'}}").status == "running"
    assert Trial(call("a")).status == "waiting"


AVRO = Path(__file__).parents[3] / "schemas" / "avro"


@pytest.mark.parametrize(
    ("struct", "record", "extra"),
    [
        (StartInstance, "StartInstance", set()),
        (StepResult, "StepResult", set()),
        (TimerFired, "TimerFired", set()),
        (CancelInstance, "CancelInstance", set()),
        (StepCommand, "StepCommand", set()),
        (CancelStep, "CancelStep", {"function"}),
        (Transition, "Transition", set()),
        (Outcome, "InstanceOutcome", set()),
    ],
)
def test_messages_have_the_fields_of_their_records(struct: type[msgspec.Struct], record: str, extra: set[str]) -> None:
    fields = {field["name"] for field in orjson.loads((AVRO / f"exlify.{record}.avsc").read_bytes())["fields"]}
    of_processor = {"pin"} if struct is StepCommand else set()  # what it adds when the command is written
    assert set(struct.__struct_fields__) - extra == fields - of_processor


@pytest.mark.parametrize("seed", range(20))
def test_duplicates_in_any_order_change_no_outcome(seed: int) -> None:
    """A fan of steps, each result sent several times among late ones: the outcome is that of the calm run."""
    shuffled = random.Random(seed)
    tasks = (
        "- l:\n    for: {in: '${ [1, 2] }'}\n    do:\n      - f:\n          fork:\n            branches:\n"
        + "".join(f"              {call(name)}\n" for name in "abc")
    )
    trial = Trial(tasks)
    sent: list[StepResult] = []
    while trial.outcome is None:
        name = shuffled.choice(trial.waiting_for)
        result = trial.result(name, [name, len(sent) // 3])
        sent.append(result)
        trial.send(result)
        for _ in range(3):
            trial.send(shuffled.choice(sent))
    assert trial.output == [["a", 1], ["b", 1], ["c", 1]]
    assert len(sent) == 6

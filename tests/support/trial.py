"""An instance driven by hand, for tests: the real compiler, the real engine, and every state through its bytes.

Each event is also applied a second time, so every test of the engine is a test of purity: the state that went in is
unchanged, and the same event gives the same bytes. When the instance has ended, its history is held to the tables of
the lifecycle.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.ids import Key, event_key
from schemas.lifecycle import Phase, Status
from streams.engine import (
    LIMITS,
    AwaitEvent,
    CancelAwait,
    CancelInstance,
    CancelStep,
    ControlChild,
    ControlInstance,
    Event,
    EventCommand,
    EventReceived,
    Incident,
    Limits,
    Outcome,
    RepairStep,
    StartInstance,
    Step,
    StepCommand,
    StepResult,
    TimerFired,
    Transition,
    decode_state,
    encode_state,
    next_due_ms,
    step,
)
from streams.engine.lifecycle import TASK, WORKFLOW
from streams.engine.moving import place_of
from streams.language.graph import Graph
from tests.support.data import payload
from tests.support.definitions import load

Json = Any
INSTANCE = "0123456789abcdef0123456789abcdef"
START_MS = 1_700_000_000_000

HEADER = """\
document: {{dsl: '1.0.3', namespace: tests, name: trial, version: '1.0.0'}}
{more}
do:
{tasks}
"""


def graph_of(tasks: str, more: str = "") -> Graph:
    """The graph of a list of tasks; `more` are members of the workflow beside `do`."""
    more, tasks = textwrap.dedent(more), textwrap.indent(textwrap.dedent(tasks), "  ")
    return load(HEADER.format(more=more, tasks=tasks))


def call(name: str, more: str = "") -> str:
    """A task that is a step whose argument is the data that it gets."""
    return f"- {name}: {{call: human, with: {{team: t, title: x, outcomes: [ok], input: '${{ . }}'}}{more}}}"


def _pointer(graph: Graph | None, name: str) -> str:
    found = [] if graph is None else [task.pointer for task in graph.tasks if task.name == name]
    return found[0] if found else f"/do/9/{name}"


class Trial:
    """One instance."""

    def __init__(
        self, tasks: str, data: Json = None, more: str = "", limits: Limits = LIMITS, event_keys: Sequence[str] = ()
    ) -> None:
        self.graph = graph_of(tasks, more)
        self.limits = limits
        self.now_ms = START_MS
        self.row: bytes | None = None
        self.outcome: Outcome | None = None
        self.history: list[Transition] = []
        self.pending: dict[str, StepCommand] = {}
        self.withdrawn: list[CancelStep] = []
        self.asked: list[EventCommand | ControlChild] = []  # about events, and of children
        self.incidents: dict[int, Incident] = {}
        self.start_event = StartInstance(
            instance_id=INSTANCE, workflow=self.graph.name, version=self.graph.version, digest=self.graph.digest,
            source="/tests", event_id=Key("1"), event_type="tests.begun", business_key=Key("K-1"), time_ms=START_MS,
            data=payload({} if data is None else data), event_keys=event_keys,
        )  # fmt: skip
        self.send(self.start_event)

    @property
    def awaited(self) -> list[AwaitEvent]:
        """The events that are waited for now."""
        found: dict[Any, AwaitEvent] = {}
        for each in self.asked:
            if isinstance(each, AwaitEvent):
                found[each.pointer, each.iteration, each.filter, each.key] = each
            elif isinstance(each, CancelAwait):
                found.pop((each.pointer, each.iteration, each.filter, each.key), None)
        return list(found.values())

    # What comes in

    def receive(
        self, wait: AwaitEvent, id_: str, data: Json = None, values: Json = None, source: str = "/elsewhere"
    ) -> Step:
        """An event of that id comes, which is waited for; who correlates has then forgotten the wait."""
        if wait.once:
            self.asked.append(CancelAwait(*(getattr(wait, name) for name in CancelAwait.__struct_fields__)))
        envelope = {"specversion": "1.0", "id": id_, "source": source, "type": "tests.happened", "data": data}
        event = EventReceived(
            instance_id=INSTANCE, pointer=wait.pointer, iteration=wait.iteration, attempt=wait.attempt,
            filter=wait.filter, key=wait.key, event_key=event_key(source, id_), event=payload(envelope),
            values=payload(values or {}), at_ms=self.now_ms, origin=7,
        )  # fmt: skip
        return self.send(event)

    def send(self, event: Event, corrected: Graph | None = None) -> Step:
        """Folds one event."""
        done = self._step(event, corrected)
        self.row = done.row
        if corrected is not None and done.state is not None and getattr(done.state, "digest", "") == corrected.digest:
            self.graph = corrected
        self.incidents.update({each.number: each for each in done.incidents})
        self.history += done.transitions
        for command in done.commands:
            if isinstance(command, StepCommand):
                self.pending[command.pointer] = command
            elif not isinstance(command, CancelStep):
                self.asked.append(command)
            else:
                self.withdrawn.append(command)
                self.pending.pop(command.pointer, None)
        if done.outcome is not None:
            assert self.outcome is None, "an instance has one outcome"
            self.outcome = done.outcome
            hold_to_tables(self.history)
        return done

    def _step(self, event: Event, corrected: Graph | None) -> Step:
        state = None if self.row is None else decode_state(self.row)
        done = step(self.graph, state, event, self.now_ms, self.limits, corrected)
        if state is not None:
            assert encode_state(state) == self.row, "the engine has changed the state that it was given"
        again = step(self.graph, state, event, self.now_ms, self.limits, corrected)
        assert _bytes(again) == _bytes(done), "the same step gives the same bytes"
        assert done.row == (None if done.state is None else encode_state(done.state))
        return done

    def answer(self, name: str, output: Json = None) -> Step:
        """The pending step of the task of that name succeeds."""
        return self.send(self.result(name, output))

    def fail(self, name: str, said: Json = None, **problem: Json) -> Step:
        """The pending step of the task of that name fails; `said` is what the system outside has answered."""
        error = {"type": "https://example.com/broken", "title": "Broken", "status": 500, "detail": None, **problem}
        return self.send(self.result(name, said, error))

    def result(self, name: str, output: Json = None, error: dict[str, Json] | None = None) -> StepResult:
        """The result of a pending step, not yet sent; the step counts as answered."""
        pointer = next(found for found in self.pending if found.rpartition("/")[2] == name)
        command = self.pending.pop(pointer)
        return StepResult(
            instance_id=INSTANCE, pointer=pointer, iteration=command.iteration, attempt=command.attempt,
            status="completed" if error is None else "faulted",
            output=payload(output) if error is None or output is not None else None, error=error,
        )  # fmt: skip

    def pass_time(self, ms: int) -> None:
        """Time passes; every timer fires when it is due, as the orchestrator would have it."""
        until = self.now_ms + ms
        while self.row is not None and 0 < (due_ms := next_due_ms(decode_state(self.row))) <= until:
            self.now_ms = due_ms
            self.send(TimerFired(instance_id=INSTANCE, due_ms=due_ms))
        self.now_ms = until

    def cancel(self, reason: str = "not wanted", *, undo: bool = True) -> Step:
        """Somebody cancels the instance."""
        return self.send(CancelInstance(instance_id=INSTANCE, reason=reason, actor="ann", undo=undo))

    def control(self, action: str, other: Graph | None = None, **places: str) -> Step:
        """Somebody has it stand still, go on, or move; `places` are names of tasks by those before."""
        digest = None if other is None else other.digest
        wish = ControlInstance(
            instance_id=INSTANCE, control_id="c1", action=action, digest=digest, why="so", actor="ann",
            places={_pointer(self.graph, before): _pointer(other, now) for before, now in places.items()},
        )  # fmt: skip
        return self.send(wish, other)

    def repair(self, name: str, action: str, corrected: Graph | None = None, **more: Any) -> Step:
        """Somebody decides about the open incident of the task of that name."""
        (number,) = [each.number for each in self.open_incidents if each.pointer.endswith(f"/{name}")]
        return self.send(self.decision(number, action, corrected, **more), corrected)

    def decision(self, number: int, action: str, corrected: Graph | None = None, **more: Any) -> RepairStep:
        """A decision about an incident, not yet sent; `input` and `output` as values."""
        data: dict[str, Any] = {key: payload(more.pop(key)) for key in ("input", "output") if key in more}
        digest = corrected.digest if corrected is not None else None
        return RepairStep(
            instance_id=INSTANCE, repair_id="r1", incident=number, action=action, digest=digest, why="mended",
            actor="ann", **data, **more,
        )  # fmt: skip

    # What came of it

    @property
    def open_incidents(self) -> list[Incident]:
        """Those that nobody has decided."""
        return [each for each in self.incidents.values() if each.status == "open"]

    @property
    def waiting_for(self) -> list[str]:
        """Names of the tasks whose steps are pending."""
        return [pointer.rpartition("/")[2] for pointer in self.pending]

    def input_of(self, name: str) -> Json:
        """What the pending step of a task of `call` was given."""
        command = next(found for pointer, found in self.pending.items() if pointer.endswith(f"/{name}"))
        return command.arguments.value()["input"]

    @property
    def status(self) -> str:
        """The status in the state."""
        assert self.row is not None
        return decode_state(self.row).status

    @property
    def output(self) -> Json:
        """The output of the completed instance."""
        assert self.outcome is not None, f"the instance waits for {self.waiting_for}"
        assert self.outcome.status == "completed", self.outcome.error
        assert self.outcome.output is not None
        return self.outcome.output.value()

    @property
    def error(self) -> Mapping[str, Json]:
        """The error of the faulted instance."""
        assert self.outcome is not None
        assert self.outcome.status == "faulted", self.outcome.output
        assert self.outcome.error is not None
        return self.outcome.error

    def phases(self, name: str) -> list[str]:
        """What happened to the tasks of that name."""
        return [entry.phase for entry in self.history if entry.pointer.endswith(f"/{name}")]

    @property
    def started(self) -> list[str]:
        """Names of the tasks in the order in which they were started."""
        started = [entry.pointer for entry in self.history if entry.phase == Phase.TASK_STARTED]
        return [pointer.rpartition("/")[2] for pointer in started]


def hold_to_tables(history: list[Transition]) -> None:
    """Every transition of an ended instance is one that the tables know, and nothing is left open."""
    workflow = Status.PENDING
    tasks: dict[tuple[str, int], Status] = {}  # by place and iteration: elements of a `map` are open side by side
    for entry in history:
        phase = Phase(entry.phase)
        if phase.startswith(("task.", "incident.")):
            at = (entry.pointer, entry.iteration)
            before = tasks.get(at, Status.PENDING)
            if phase in (Phase.TASK_UNDONE, Phase.TASK_SETTLED):
                assert before is Status.RUNNING or TASK[before, phase] is before, "what is undone was done before"
                continue
            tasks[at] = TASK[before if before is Status.RUNNING else Status.PENDING, phase]
        else:
            workflow = WORKFLOW[workflow, phase]
        if phase is Phase.WORKFLOW_MOVED and entry.data is not None:
            places = entry.data.value()["places"]
            tasks = {(place_of(pointer, places), number): status for (pointer, number), status in tasks.items()}
    assert workflow in {Status.COMPLETED, Status.FAULTED, Status.CANCELLED}
    assert Status.RUNNING not in tasks.values(), "a task was left open"


def _bytes(done: Step) -> bytes:
    return msgspec.msgpack.encode(done, enc_hook=lambda payload: payload.raw)

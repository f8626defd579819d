"""One instance on the real engine, fed by an inbox that repeats, delays and reorders, or by one that keeps time, with
calls answered by a function."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any
from zlib import crc32

from schemas.ids import Key, event_key
from streams.engine import (
    LIMITS,
    AwaitEvent,
    CancelAwait,
    CancelStep,
    ControlInstance,
    Event,
    EventReceived,
    Incident,
    Limits,
    Outcome,
    RepairStep,
    StartInstance,
    State,
    StepCommand,
    StepResult,
    StepRetrying,
    TimerFired,
    Transition,
    decode_state,
    next_due_ms,
    step,
)
from streams.engine.ledger import undo_of
from streams.engine.state import Instance
from streams.language.constructs.listen import Listen
from streams.language.graph import Graph
from tests.reference.interpreter import Answer, Calls, happened
from tests.reference.strategies import FAULTS, OUTPUTS
from tests.support.data import payload

Json = Any
START_MS = 1_800_000_000_000
INSTANCE = "0" * 31 + "1"


ANSWERED = frozenset(each["type"] for each in FAULTS)


def _control(action: str) -> ControlInstance:
    return ControlInstance(instance_id=INSTANCE, control_id="c", action=action, why="so", actor="ann")


def mended(pointer: str) -> Json:
    """What people have a task give that nobody could carry out."""
    return OUTPUTS[crc32(pointer.encode()) % len(OUTPUTS)]


@dataclass
class Inbox:
    """One instance fed by an inbox that repeats, delays and reorders; every record it has taken is kept."""

    graph: Graph
    calls: Calls
    random: Random
    state: State | None = None
    now_ms: int = START_MS
    pending: list[StepCommand] = field(default_factory=list)
    waits: dict[tuple[Any, ...], AwaitEvent] = field(default_factory=dict)
    turns: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    records: list[tuple[Event, int]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    rows: list[bytes | None] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    limits: Limits = LIMITS
    incidents: dict[int, Incident] = field(default_factory=dict)  # those that are open

    def run(self, data: Json) -> Outcome:
        """Runs the instance to its end."""
        self.take(_start(self.graph, data))
        while not self.outcomes:
            if self.random.random() < 0.3:
                self.take(self.random.choice(self.records)[0])  # a second delivery
            elif self._is_suspended and (not self.pending or self.random.random() < 0.3):
                self.take(_control("resume"))
            elif not self._is_suspended and self.random.random() < 0.05:
                self.take(_control("suspend"))
            elif self.pending and self.random.random() < 0.1:
                self.take(self._retrying(self.random.choice(self.pending)))
            elif self.incidents and (not (self.pending or self.waits) or self.random.random() < 0.5):
                self.take(self._decided(self.random.choice(list(self.incidents.values()))))
            elif self.waits and (not self.pending or self.random.random() < 0.5):
                self.take(self._happens())
            elif self.pending:
                self.take(self._answer(self.pending.pop(self.random.randrange(len(self.pending)))))
            else:
                self._wait()
        for event, _ in self.records[:]:
            self.take(event)
        assert len(self.outcomes) == 1
        return self.outcomes[0]

    @property
    def _is_suspended(self) -> bool:
        return isinstance(self.state, Instance) and self.state.status == "suspended"

    def take(self, event: Event) -> None:
        """One record of the inbox, some time after the last one."""
        self.now_ms += self.random.randrange(3)
        self.fold(event)

    def fold(self, event: Event) -> None:
        """One record of now; the state goes through its bytes, as it does in the table."""
        self.records.append((event, self.now_ms))
        done = step(self.graph, self.state, event, self.now_ms, self.limits)
        self.state = None if done.row is None else decode_state(done.row)
        self.rows.append(done.row)
        self.transitions += done.transitions
        for command in done.commands:
            if isinstance(command, StepCommand):
                self.pending.append(command)
            elif isinstance(command, CancelStep):
                self._withdrawn(command)
            elif isinstance(command, AwaitEvent):
                self.waits[_of(command)] = command
            elif isinstance(command, CancelAwait):
                self.waits.pop(_of(command), None)
        for incident in done.incidents:
            if incident.status == "open":
                self.incidents[incident.number] = incident
            else:
                del self.incidents[incident.number]
        self.outcomes += [done.outcome] if done.outcome is not None else []

    def _happens(self) -> EventReceived:
        """An event that is waited for: of those that a task listens for any of, the first."""
        wait = self.random.choice(list(self.waits.values()))
        at = (wait.pointer, wait.iteration, wait.attempt)
        task = next(each for each in self.graph.tasks if each.pointer == wait.pointer)
        assert isinstance(task, Listen)
        if task.strategy != "all":
            wait = min((each for place, each in self.waits.items() if place[:3] == at), key=lambda each: each.filter)
        one, turn = task.filters[wait.filter], self.turns[_of(wait)[:4]]
        self.turns[_of(wait)[:4]] += 1
        data = happened(wait.pointer, wait.filter, turn)
        values = one.read(one.attributes, data)
        assert values is not None
        assert wait.key in one.keys(values)
        if wait.once:
            del self.waits[_of(wait)]
        id_ = f"{at}{wait.filter}/{turn}"
        return EventReceived(
            instance_id=INSTANCE, pointer=wait.pointer, iteration=wait.iteration, attempt=wait.attempt,
            filter=wait.filter, key=wait.key, event_key=event_key("/test", id_),
            event=payload({"id": id_, "source": "/test", "type": one.type, "data": data}),
            values=payload(values), at_ms=self.now_ms, origin=0,
        )  # fmt: skip

    def _withdrawn(self, command: CancelStep) -> None:
        """The answer comes all the same."""

    def _retrying(self, command: StepCommand) -> StepRetrying:
        """Who recovers tells that the step is tried again: it changes nothing."""
        error = {**FAULTS[0], "detail": None}
        return StepRetrying(
            instance_id=INSTANCE, pointer=command.pointer, iteration=command.iteration, attempt=command.attempt,
            retry=1, retries=2, due_ms=self.now_ms, error=error,
        )  # fmt: skip

    def _decided(self, incident: Incident) -> RepairStep:
        """What a call has answered is mended, by a retry or by hand; any other error is let be the end."""
        answered = incident.error["type"] in ANSWERED
        action = self.random.choice(("retry", "skip")) if answered else "fail"
        if answered and any(each.pointer == incident.pointer and undo_of(each) >= 0 for each in self.graph.tasks):
            action = "retry"  # what is skipped was not done, and is not undone
        output = payload(mended(incident.pointer)) if action == "skip" else None
        return RepairStep(
            instance_id=INSTANCE, repair_id="r", incident=incident.number, action=action, output=output, why="w",
            actor="a",
        )  # fmt: skip

    def _wait(self) -> None:
        assert isinstance(self.state, Instance)
        due_ms = next_due_ms(self.state)
        assert due_ms, "nothing pending and nothing due: the instance is stuck"
        if self.random.random() < 0.3:
            self.take(TimerFired(instance_id=INSTANCE, due_ms=min(due_ms - 1, self.now_ms)))  # too early
        self.now_ms = max(self.now_ms, due_ms)
        self.take(TimerFired(instance_id=INSTANCE, due_ms=due_ms))

    def _answer(self, command: StepCommand) -> StepResult:
        answer = self.calls(command.pointer, command.function, command.arguments.value())
        if command.attempt:
            answer = Answer(output=mended(command.pointer))
        return StepResult(
            instance_id=INSTANCE,
            pointer=command.pointer,
            iteration=command.iteration,
            attempt=command.attempt,
            status="completed" if answer.error is None else "faulted",
            output=None if answer.error is not None else payload(answer.output),
            error=None if answer.error is None else dict(answer.error),
        )


@dataclass
class TimedInbox(Inbox):
    """An inbox that keeps time: steps take as long as their answers say, a timer comes when it is due or, `late`, only
    when no step is pending. For definitions in which one thing is waited for at a time."""

    late: bool = False
    begun_ms: int = START_MS  # of the pending step

    def run(self, data: Json) -> Outcome:
        """Runs the instance to its end."""
        self.fold(_start(self.graph, data))
        while not self.outcomes:
            assert isinstance(self.state, Instance)
            due_ms = next_due_ms(self.state)
            if self.random.random() < 0.2:
                self.fold(self.random.choice(self.records)[0])
            elif self.pending and self._first(self.begun_ms + self._lasts_ms(self.pending[0]), due_ms):
                self.now_ms = self.begun_ms + self._lasts_ms(self.pending[0])
                self.fold(self._answer(self.pending.pop(0)))
            else:
                self.now_ms = due_ms
                self.fold(TimerFired(instance_id=INSTANCE, due_ms=due_ms))
        return self.outcomes[0]

    def fold(self, event: Event) -> None:
        """One record of now."""
        super().fold(event)
        if self.pending and not (len(self.rows) > 1 and self.rows[-1] == self.rows[-2]):
            self.begun_ms = self.now_ms

    def _withdrawn(self, command: CancelStep) -> None:
        taken_back = (command.pointer, command.iteration)
        self.pending = [each for each in self.pending if (each.pointer, each.iteration) != taken_back]

    def _first(self, answer_ms: int, due_ms: int) -> bool:
        if self.late or not due_ms or answer_ms < due_ms:
            return True
        return answer_ms == due_ms and self.random.random() < 0.5

    def _lasts_ms(self, command: StepCommand) -> int:
        return self.calls(command.pointer, command.function, command.arguments.value()).after_ms


def _of(wait: AwaitEvent | CancelAwait) -> tuple[Any, ...]:
    return wait.pointer, wait.iteration, wait.attempt, wait.filter, wait.key


def _start(graph: Graph, data: Json) -> StartInstance:
    return StartInstance(
        instance_id=INSTANCE,
        workflow=graph.name,
        version=graph.version,
        digest=graph.digest,
        source="/test",
        event_id=Key("1"),
        event_type="test.v1",
        time_ms=START_MS,
        data=payload(data),
    )

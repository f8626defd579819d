"""One instance on the real engine, fed by an inbox that repeats, delays and reorders, with calls answered by a
function."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from schemas.ids import Key
from streams.engine import (
    Event,
    Outcome,
    StartInstance,
    State,
    StepCommand,
    StepResult,
    TimerFired,
    Transition,
    decode_state,
    next_due_ms,
    step,
)
from streams.engine.state import Instance
from streams.language.graph import Graph
from tests.reference.interpreter import Calls
from tests.support.data import payload

Json = Any
START_MS = 1_800_000_000_000
INSTANCE = "0" * 31 + "1"


@dataclass
class Inbox:
    """One instance fed by an inbox that repeats, delays and reorders; every record it has taken is kept."""

    graph: Graph
    calls: Calls
    random: Random
    state: State | None = None
    now_ms: int = START_MS
    pending: list[StepCommand] = field(default_factory=list)
    records: list[tuple[Event, int]] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    rows: list[bytes | None] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self, data: Json) -> Outcome:
        """Runs the instance to its end."""
        self.take(_start(self.graph, data))
        while not self.outcomes:
            if self.random.random() < 0.3:
                self.take(self.random.choice(self.records)[0])  # a second delivery
            elif self.pending:
                self.take(self._answer(self.pending.pop(self.random.randrange(len(self.pending)))))
            else:
                self._wait()
        for event, _ in self.records[:]:
            self.take(event)
        assert len(self.outcomes) == 1
        return self.outcomes[0]

    def take(self, event: Event) -> None:
        """One record of the inbox; the state goes through its bytes, as it does in the table."""
        self.now_ms += self.random.randrange(3)
        self.records.append((event, self.now_ms))
        done = step(self.graph, self.state, event, self.now_ms)
        self.state = None if done.row is None else decode_state(done.row)
        self.rows.append(done.row)
        self.transitions += done.transitions
        self.pending += [command for command in done.commands if isinstance(command, StepCommand)]
        self.outcomes += [done.outcome] if done.outcome is not None else []

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
        return StepResult(
            instance_id=INSTANCE,
            pointer=command.pointer,
            iteration=command.iteration,
            attempt=command.attempt,
            status="completed" if answer.error is None else "faulted",
            output=None if answer.error is not None else payload(answer.output),
            error=None if answer.error is None else dict(answer.error),
        )


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

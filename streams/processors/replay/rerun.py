"""A past event processed anew: the engine folded over answers that are given, on a clock of its own. Knows no Kafka.

Waits pass at once, and an answer from record comes after the time that it took then: so the clock says how long the run
would have taken. What nothing answers ends the run, as does what goes on for too long.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from schemas.lifecycle import Phase, Status
from schemas.steps import ADDRESS
from streams import engine
from streams.engine import (
    AwaitEvent,
    EventReceived,
    OfferedEvent,
    Outcome,
    StartInstance,
    StepCommand,
    StepResult,
    Transition,
)
from streams.language.graph import Graph
from streams.processors.costs import NOTHING, Prices
from streams.processors.replay.tale import GIVEN_UP, UNANSWERED, Tale, ending, problem_of

LIMITS = engine.Limits(incidents=True)  # as the workers have it
MAX_STEPS = 10_000
MAX_SECONDS = 5.0


Place = tuple[str, int]  # the pointer of a step that listens, and the number of a filter


class Came(NamedTuple):
    """An answer, and after how long it comes. No result: it never does."""

    result: StepResult | None
    after_ms: int = 0


Ask = Callable[[StepCommand, int], Came | None]
"""What a command is answered at a time (epoch); None where nothing answers it."""


Events = Callable[[AwaitEvent], Sequence[tuple[int, EventReceived]]]
"""The events that came to a step that listens, each once, with their times (epoch)."""


def no_events(_: AwaitEvent) -> Sequence[tuple[int, EventReceived]]:
    """Where nothing is on record."""
    return ()


@dataclass(slots=True)
class Rerun:
    """What came of it."""

    tale: Tale
    outcome: Outcome | None = None
    stopped_at: str | None = None


def rerun(
    graph: Graph,
    start: StartInstance,
    at_ms: int,
    ask: Ask,
    events: Events = no_events,
    max_seconds: float = MAX_SECONDS,
    prices: Prices = NOTHING,
) -> Rerun:
    """Processes an event anew, as of a time (epoch); bounded in steps and in time. Blocks."""
    return _Run(graph, ask, events, at_ms, prices).run(start, time.monotonic() + max_seconds)


class _Run:
    def __init__(self, graph: Graph, ask: Ask, events: Events, at_ms: int, prices: Prices) -> None:
        self.found = Rerun(Tale())
        self._graph = graph
        self._ask = ask
        self._events = events
        self._prices = prices
        self._listens = ""  # the step that has begun to listen last
        self._waits: dict[Place, AwaitEvent] = {}  # the last of each step and filter
        self._left: defaultdict[Place, list[EventReceived]] = defaultdict(list)  # that it did not take
        self._state: engine.State | None = None
        self._incident = Transition("", 0, 0, "")
        self._now_ms = self._began_ms = at_ms
        self._coming: list[tuple[int, int, StepResult | EventReceived, str]] = []  # soonest first
        self._asked = 0

    def run(self, start: StartInstance, until: float) -> Rerun:
        self._instance_id = start.instance_id
        event: engine.Event | None = start
        for _ in range(MAX_STEPS):
            assert event is not None
            self._take(event)
            if self.found.outcome is not None or self.found.stopped_at is not None:
                break
            event = self._next()
            if event is None or time.monotonic() > until:
                self._end(GIVEN_UP if event is not None else self._waiting())
                break
        else:
            self._end(GIVEN_UP)
        self.found.tale.took_ms = self._now_ms - self._began_ms
        return self.found

    def _take(self, event: engine.Event) -> None:
        step = engine.step(self._graph, self._state, event, self._now_ms, LIMITS)
        self._state = step.state
        tale = self.found.tale
        for transition in step.transitions:
            if transition.phase == Phase.INCIDENT_OPENED:
                self._incident = transition
        for command in step.commands:
            if type(command) is StepCommand:
                self._command(command)
                if self.found.stopped_at is not None:
                    return
            elif type(command) is AwaitEvent:
                self._listen(command)
            elif type(command) is OfferedEvent and type(event) is EventReceived:
                self._given_back(event)
        if step.outcome is not None:
            self.found.outcome = step.outcome
            tale.ended, tale.output = ending(step.outcome.status, step.outcome.error), step.outcome.output

    def _command(self, command: StepCommand) -> None:
        self.found.tale.asked(command.function, command.arguments, self._prices)
        came = self._ask(command, self._now_ms)
        if came is None:
            self.found.stopped_at = f"{command.function} {command.pointer}"
            self._end(UNANSWERED)
        elif came.result is not None:
            self._comes(self._now_ms + came.after_ms, came.result, command.function)

    def _listen(self, command: AwaitEvent) -> None:
        """What came to the step at first comes again, at its time or at once; it says itself what it takes."""
        self._listens = command.pointer
        self._waits[command.pointer, command.filter] = command
        for event in self._left.pop((command.pointer, command.filter), ()):
            self._comes(self._now_ms, event, "")
        for at_ms, event in self._events(command):
            self._comes(max(self._now_ms, at_ms), _addressed(event, command), "")

    def _given_back(self, event: EventReceived) -> None:
        """It is for the step when that listens the next time, if it does not already."""
        waits = self._waits[event.pointer, event.filter]
        if _addressed(event, waits) != event:
            self._comes(self._now_ms, event, "")
        else:
            self._left[event.pointer, event.filter].append(event)

    def _comes(self, at_ms: int, event: StepResult | EventReceived, function: str) -> None:
        self._asked += 1
        heapq.heappush(self._coming, (at_ms, self._asked, event, function))

    def _next(self) -> engine.Event | None:
        """What happens next, at its time; nothing where the run waits for somebody."""
        due_ms = engine.next_due_ms(self._state) if type(self._state) is engine.Instance else 0
        if self._coming and not 0 < due_ms < self._coming[0][0]:
            self._now_ms, _, event, function = heapq.heappop(self._coming)
            if isinstance(event, EventReceived):
                return _addressed(event, self._waits[event.pointer, event.filter])
            self.found.tale.answered(function, event)
            return event
        if not due_ms or self._status() == Status.INCIDENT:
            return None
        self._now_ms = max(self._now_ms, due_ms)
        return engine.TimerFired(instance_id=self._instance_id, due_ms=due_ms)

    def _waiting(self) -> str:
        """How a run ends that waits for somebody: as its first run may do still."""
        if self._status() != Status.INCIDENT:
            self.found.stopped_at = f"listen {self._listens}" if self._listens else None
            return UNANSWERED
        self.found.stopped_at = f"incident {self._incident.pointer}"
        return ending(Status.INCIDENT, problem_of(self._incident.data))

    def _status(self) -> Status | None:
        return self._state.status if self._state is not None else None

    def _end(self, how: str) -> None:
        self.found.tale.ended = how


def _addressed(event: EventReceived, command: AwaitEvent) -> EventReceived:
    """The event for the step as it listens by now."""
    return replace(event, **{name: getattr(command, name) for name in (*ADDRESS, "filter", "key")})

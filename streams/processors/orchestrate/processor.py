"""Station 3, orchestrate: the one stateful loop around the pure engine.

Every inbox record is one engine step: state in, state out, and what the engine asks for goes to the step processors.
State, commands, history and outcome of a batch become durable together, in the runtime's write order. What the engine
decides depends on the record and the state alone, so a batch that comes again gives the same bytes.

A row holds, before the state, the offset of the last record that went into it. After a crash between changelog and
commit the same records come again: they have had all their effects, and the engine is not asked twice. A record that is
on the inbox twice is another matter: it has its own offset, and the engine says what it means.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import structlog
from msgspec.structs import asdict

from schemas import ids, messages
from schemas.lifecycle import Phase, Status
from schemas.steps import id_of
from streams import engine
from streams.ground.metrics import remembered
from streams.ground.topic import own_step_topic
from streams.language.constructs.run import FUNCTION as RUN
from streams.language.graph import Deadline, Graph
from streams.processors import orchestrate
from streams.processors.context import Context
from streams.processors.orchestrate import OrchestrateSettings, outcome
from streams.processors.sought import Sought
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

EVENTS: dict[str, type[engine.Event]] = {
    messages.START_INSTANCE: engine.StartInstance,
    messages.STEP_RESULT: engine.StepResult,
    messages.TIMER_FIRED: engine.TimerFired,
    messages.CANCEL_INSTANCE: engine.CancelInstance,
    messages.REPAIR_STEP: engine.RepairStep,
    messages.STEP_RETRYING: engine.StepRetrying,
    messages.CONTROL_INSTANCE: engine.ControlInstance,
    messages.EVENT_RECEIVED: engine.EventReceived,
}
ABOUT_EVENTS: dict[type[engine.Command], str] = {
    engine.AwaitEvent: messages.AWAIT_EVENT,
    engine.CancelAwait: messages.CANCEL_AWAIT,
    engine.OfferedEvent: messages.OFFERED_EVENT,
}

_OFFSET = struct.Struct(">q")

log = structlog.get_logger()


class Taken(NamedTuple):
    """A record of the inbox and the engine step that it made."""

    message: Message
    event: engine.Event
    graph: Graph
    corrected: Graph | None  # the one that a repair or a move names, if it is known
    before: engine.State | None
    step: engine.Step


class Orchestrate(FastProcessor):
    """The inbox in; commands, history and outcomes out; instances in a table."""

    declaration = orchestrate.DECLARATION
    attended = True  # by people who mend what fails

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._definitions = context.definitions
        self._sought = Sought(context.definitions)
        self._commands = context.command_topics()
        self._pins = context.pins()
        window_ms = context.settings.of(OrchestrateSettings).deduplication_window_ms
        self._limits = engine.Limits(deduplication_window_ms=window_ms, incidents=self.attended)

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known, and what is in force for those who pin."""
        await self._definitions.start()
        for each in self._pins.values():
            await each.open()

    async def close(self) -> None:
        """Follows no longer what is in force."""
        for each in self._pins.values():
            await each.close()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """One engine step for each record, in order; then what comes of them is written.

        One after the other for the whole batch: what fits into a processor's cache is done with before the next is
        begun, which spares a quarter of the time.
        """
        effects = Effects([], {})
        states: dict[bytes, engine.State | None] = {}  # of the instances in this batch, as of the last record so far
        offsets: dict[bytes, int] = {}  # of that record
        events: list[tuple[bytes, engine.Event, Message]] = []
        for message in batch:
            event = _event(message)
            if event is None:
                effects.outputs.append(parked(message.record, self.declaration.name, _not_for_us(message)))
                continue
            key = event.instance_id.encode()
            if key not in states:
                row = state.get(key)
                states[key], offsets[key] = row_state(row), -1 if row is None else row_offset(row.value)
            events.append((key, event, message))
        taken: list[Taken] = []
        steps: dict[bytes, engine.Step] = {}  # the last of each instance
        for key, event, message in events:
            if message.record.offset <= offsets[key]:
                continue
            before = states[key]
            graph = self._graph(before, event, batch)
            if graph is None:
                effects.outputs.append(parked(message.record, self.declaration.name, "its definition is not known"))
                continue
            another = another_digest(before, event)
            corrected = None if another is None else self._definitions.graph(another)
            step = engine.step(graph, before, event, message.record.timestamp_ms, self._limits, corrected)
            steps[key], states[key], offsets[key] = step, step.state, message.record.offset
            taken.append(Taken(message, event, graph, corrected, before, step))
        counts = Counts()
        for each in taken:
            self._tell(each, effects.outputs)
            counts.note(each.message.name, each.graph.name, each.before, each.step)
        effects.counts.append(counts.publish)
        for key, step in steps.items():
            if step.row is not None and step.state is not None:
                effects.changes[key] = Row(encode_row(offsets[key], step.row), engine.next_due_ms(step.state))
            elif state.get(key) is not None:
                effects.changes[key] = None
        return effects

    def read_up_to(self, row: Row) -> int:
        """See `Processor`."""
        return row_offset(row.value)

    def reread(self, row: Row) -> Row:
        """See `Processor`. What comes a second time then is for the engine to recognise."""
        return Row(encode_row(-1, row.value[_OFFSET.size :]), row.due_ms)

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """A timer goes through the inbox like everything else, so that the log holds it too."""
        fired = {"instance_id": key.decode(), "due_ms": row.due_ms}
        return Effects([Output(orchestrate.INBOX, key, self._codec.encode(messages.TIMER_FIRED, fired))], {})

    def _tell(self, taken: Taken, outputs: list[Output]) -> None:
        """What is to be written of one engine step."""
        message, event, left, corrected, before, step = taken
        key, at_ms = message.record.key, message.record.timestamp_ms
        graph = left if corrected is None else graph_after(left, corrected, step)
        for command in step.commands:
            outputs.append(self._command(key, command, at_ms))
        if step.transitions and step.state is not None:
            outputs.append(self._entry(graph, before, event, step, message))
            if type(event) in _SAID and (said := _said(event)) is not None:
                outputs.append(self._act(graph, before, event, said, step, message))
        for each in step.incidents:
            outputs.append(Output(orchestrate.INCIDENTS, key, self._codec.encode(messages.INCIDENT, asdict(each))))
        if step.outcome is not None:
            typed = self._definitions.outcome_type(step.outcome.digest)
            outputs.append(outcome.output(self._codec, step.outcome, typed))
            outputs.extend(outcome.answers(self._codec, step.outcome))
        deadline = graph.deadline or left.deadline
        if deadline is not None:
            is_new = before is None or left.deadline != graph.deadline
            outputs.extend(self._deadline(graph, deadline, is_new, step, key))

    def _deadline(
        self, graph: Graph, deadline: Deadline, is_new: bool, step: engine.Step, key: bytes | None
    ) -> Iterator[Output]:
        """That an instance has a deadline from now on, or has none any more: it has ended, or was moved."""
        told = step.state if is_new and step.outcome is None else step.outcome
        if type(told) is engine.Instance or type(told) is engine.Outcome:
            fields = {
                "instance_id": (key or b"").decode(), "workflow": graph.name, "owner": graph.owner,
                "business_key": told.business_key, "started_at_ms": told.started_at_ms,
                "within_ms": deadline.within_ms, "calendar": deadline.calendar,
                "over": graph.deadline is None or step.outcome is not None,
            }  # fmt: skip
            yield Output(orchestrate.DEADLINES, key, self._codec.encode(messages.INSTANCE_DEADLINE, fields))

    def _graph(self, before: engine.State | None, event: engine.Event, batch: Sequence[Message]) -> Graph | None:
        """The definition that the instance is pinned to; any will do where the engine does not look at it.

        What a repair wants to go on with is learned here, too; whether it is there the engine says.
        """
        if type(before) is engine.Instance:
            digest = before.digest
        elif before is None and type(event) is engine.StartInstance:
            digest = event.digest
        else:
            return NO_GRAPH
        another = another_digest(before, event)
        graph = self._definitions.graph(digest)
        if graph is not None and another is None:
            return graph
        self._sought.learn_first({digest} if another is None else {digest, another}, lambda: _digests(batch))
        return graph

    def _command(self, key: bytes | None, command: engine.Command, at_ms: int) -> Output:
        data = asdict(command)
        if isinstance(command, engine.StepCommand):
            name = messages.STEP_COMMAND
            pins = self._pins.get(command.function)
            data["pin"] = None if pins is None else pins.pin(command.arguments, at_ms)
        elif isinstance(command, engine.CancelStep):
            name = messages.CANCEL_STEP
            del data["function"]
        elif isinstance(command, engine.ControlChild):
            value = self._codec.encode(messages.CONTROL_INSTANCE, _of_child(command))
            return Output(self._commands[RUN], key, value)
        else:
            value = self._codec.encode(ABOUT_EVENTS[type(command)], data)
            return Output(orchestrate.CORRELATION, command.key.encode(), value)
        topic = self._commands.get(command.function) or own_step_topic(command.function)
        return Output(topic, key, self._codec.encode(name, data))

    def _act(
        self,
        graph: Graph,
        before: engine.State | None,
        event: engine.Event,
        said: tuple[str, str, str],
        step: engine.Step,
        message: Message,
    ) -> Output:
        """What somebody has done about an instance, for the audit."""
        assert step.state is not None
        action, actor, why = said
        act = {
            "instance_id": event.instance_id, "seq": step.state.seq, "action": action, "workflow": graph.name,
            "business_key": getattr(before if before is not None else event, "business_key", None), "actor": actor,
            "why": why, "at_ms": message.record.timestamp_ms,
            "refused": any(each.phase == Phase.CONTROL_REFUSED for each in step.transitions),
        }  # fmt: skip
        return Output(orchestrate.ACTS, message.record.key, self._codec.encode(messages.INSTANCE_ACT, act))

    def _entry(
        self, graph: Graph, before: engine.State | None, event: engine.Event, step: engine.Step, message: Message
    ) -> Output:
        entry = entry_of(graph, before, event, step, message.record.timestamp_ms, message.record.value)
        return Output(orchestrate.HISTORY, message.record.key, self._codec.encode(messages.HISTORY_ENTRY, entry))


def _of_child(command: engine.ControlChild) -> dict[str, Any]:
    """What is wanted of the instance that a step has started, as its inbox is told."""
    data = asdict(command)
    return {
        "instance_id": ids.child_id(id_of(data)),
        **{name: data[name] for name in ("control_id", "action", "why", "actor")},
    }


def entry_of(
    graph: Graph, before: engine.State | None, event: engine.Event, step: engine.Step, at_ms: int, cause: bytes | None
) -> dict[str, Any]:
    """The fields of the HistoryEntry of an engine step that changed something; `cause` is its inbox record."""
    assert step.state is not None
    holder = before if type(before) is engine.Instance else event
    return {
        "instance_id": event.instance_id,
        "seq": step.state.seq,
        "at_ms": at_ms,
        "workflow": graph.name,
        "version": graph.version,
        "digest": graph.digest,
        "status": step.state.status,
        "business_key": getattr(holder, "business_key", None),
        "cause": cause,
        "transitions": [asdict(transition) for transition in step.transitions],
    }


_MOVES = frozenset({engine.RepairStep, engine.ControlInstance})
_SAID = frozenset({engine.ControlInstance, engine.StartInstance})
NO_GRAPH = Graph(digest="", namespace="", name="", version="", document={}, tasks=())


def another_digest(before: engine.State | None, event: engine.Event) -> str | None:
    """The digest of another definition that somebody wants to go on with; None where nobody does."""
    if type(event) not in _MOVES or type(before) is not engine.Instance:
        return None
    assert isinstance(event, engine.RepairStep | engine.ControlInstance)
    return None if event.digest == before.digest else event.digest


def graph_after(graph: Graph, another: Graph | None, step: engine.Step) -> Graph:
    """The definition that an instance is on after a step: `another` if it went on with that."""
    if another is not None and another.digest == getattr(step.outcome or step.state, "digest", None):
        return another
    return graph


def _said(event: engine.Event) -> tuple[str, str, str] | None:
    """What somebody wants of an instance, who and why; None for what nobody wanted, or is told elsewhere."""
    if type(event) is engine.ControlInstance:
        return event.action, event.actor, event.why
    if type(event) is engine.StartInstance and event.rerun is not None:
        return "rerun", event.rerun["actor"], event.rerun["why"]
    return None


def _digests(batch: Sequence[Message]) -> list[str]:
    return [message.data["digest"] for message in batch if message.name == messages.START_INSTANCE]


def _event(message: Message) -> engine.Event | None:
    kind = EVENTS.get(message.name)
    return None if kind is None else kind(**message.data)


def _not_for_us(message: Message) -> str:
    return f"{message.name} is not for the inbox" if message.name else "a record without a value"


def encode_row(offset: int, state: bytes) -> bytes:
    """The value of an instance's row: its state as of the inbox record at `offset`."""
    return _OFFSET.pack(offset) + state


def row_offset(value: bytes) -> int:
    """Offset of the last inbox record that went into a row."""
    offset: int = _OFFSET.unpack_from(value)[0]
    return offset


def row_state(row: Row | None) -> engine.State | None:
    """The state that a row holds."""
    return None if row is None else engine.decode_state(row.value[_OFFSET.size :])


_engine_steps, _instances = remembered(orchestrate.ENGINE_STEPS), remembered(orchestrate.INSTANCES)
_incidents, _seconds = remembered(orchestrate.INCIDENT_CHANGES), remembered(orchestrate.INSTANCE_SECONDS)


def _add(counts: dict[Any, int], what: object) -> None:
    counts[what] = counts.get(what, 0) + 1


class Counts:
    """What a batch adds to the metrics, which are counted once for each series."""

    def __init__(self) -> None:
        self._causes: dict[str, int] = {}
        self._instances: dict[tuple[str, str], int] = {}
        self._incidents: dict[tuple[str, str], int] = {}
        self._seconds: list[tuple[str, float]] = []

    def note(self, cause: str, workflow: str, before: engine.State | None, step: engine.Step) -> None:
        """Counts one engine step."""
        _add(self._causes, cause)
        if before is None and step.state is not None:
            _add(self._instances, (workflow, "started"))
        for each in step.incidents:
            _add(self._incidents, (workflow, each.status))
        if step.outcome is not None:
            _add(self._instances, (workflow, step.outcome.status))
            self._seconds.append((workflow, max(0, step.outcome.ended_at_ms - step.outcome.started_at_ms) / 1_000))

    def publish(self) -> None:
        """Adds everything to the metrics."""
        for cause, count in self._causes.items():
            _engine_steps(cause.rpartition(".")[2]).inc(count)
        for (workflow, status), count in self._instances.items():
            _begin_at_zero(workflow)
            _instances(workflow, status).inc(count)
        for (workflow, status), count in self._incidents.items():
            _incidents(workflow, status).inc(count)
        for workflow, duration in self._seconds:
            _seconds(workflow).observe(duration)


@cache
def _begin_at_zero(workflow: str) -> None:
    """All series of a workflow begin with its first, so that the first fault is an increase of its own."""
    for status in (Status.COMPLETED, Status.FAULTED, Status.CANCELLED):
        orchestrate.INSTANCES.labels(workflow, status.value)

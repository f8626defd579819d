"""`step`: one event, one engine step. The only door into the engine.

One record of the inbox makes one step: the instance runs on through everything that the engine can decide itself,
until each branch waits for something. What counts is decided here: a result only if its step is the one being waited
for, a start only if there is no such instance yet, a timer only if something is due.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Struct
from orjson import dumps

from schemas import problems
from schemas.lifecycle import Phase, Status
from schemas.payload import Json, UnreadablePayloadError
from schemas.reasons import Reason
from schemas.steps import Problem
from schemas.times import rfc3339
from streams.engine import control, errors, ledger, undo
from streams.engine.constructs import ANSWERED, DUE, RECEIVED, TABLE, WORKING
from streams.engine.constructs.listen import give_back, offered_again
from streams.engine.data import evaluate, shape_input
from streams.engine.encoding import encode_state
from streams.engine.limits import LIMITS, LimitExceededError, Limits
from streams.engine.messages import (
    CancelInstance,
    Command,
    ControlInstance,
    Event,
    EventReceived,
    Incident,
    Outcome,
    RepairStep,
    StartInstance,
    StepResult,
    StepRetrying,
    TimerFired,
    Transition,
)
from streams.engine.moving import on_corrected
from streams.engine.repair import refusal_of, refused, repaired
from streams.engine.run import Run
from streams.engine.state import Frame, IncidentFrame, Instance, Marker, State, UndoFrame
from streams.engine.timers import catch_up, fire_all, first_due
from streams.engine.variables import cloud_event
from streams.engine.weight import PER_BYTE
from streams.language.constructs.listen import DATA, ENVELOPE
from streams.language.graph import NOTHING, Graph

_ATTRIBUTES_BYTES = 20_480  # of an event, at most: four of 1,024 characters, and their names
_ENTRY_BYTES = 32  # of a transition in a record, beside its pointer and its data


class Step(Struct, gc=False):
    """What one event did.

    `row` are the bytes of `state` (None: there is nothing to remember), so that nobody has to encode it again.
    Without `transitions` nothing has happened: there is nothing to write but, after a marker's time, its deletion, and
    the command that gives back an event for which there is no instance.
    With them, one history entry is to be written, with `state.seq` and `state.status`.
    """

    state: State | None
    row: bytes | None
    commands: list[Command]
    transitions: list[Transition]
    outcome: Outcome | None = None
    incidents: list[Incident] = []


def step(
    graph: Graph,
    state: State | None,
    event: Event,
    now_ms: int,
    limits: Limits = LIMITS,
    corrected: Graph | None = None,
) -> Step:
    """Takes one event of an instance.

    `now_ms` is the time of the event's record. `graph` is the one of the state's digest, or of the event's for a
    start; it is not looked at if the instance has ended. `corrected` is the one of a repair that names another, None
    where nobody knows that. `state` is not changed. Never raises for anything that a definition, data or an event can
    contain.
    """
    if type(state) is Instance:
        if type(event) is RepairStep:
            return _repaired(graph, state, event, now_ms, limits, corrected)
        if type(event) is ControlInstance:
            return _controlled(graph, state, event, now_ms, limits, corrected)
        if state.status is Status.SUSPENDED:
            return _step_suspended(graph, state, event, now_ms, limits)
        return _step_live(graph, state, event, now_ms, limits)
    if type(event) is EventReceived:
        return _nothing(state, [offered_again(event)])
    if type(state) is Marker:
        over = type(event) is TimerFired and max(now_ms, event.due_ms) >= state.expires_ms
        return _nothing(None if over else state)
    if type(event) is StartInstance:
        return _guarded(graph, _newborn(graph, event, now_ms), event, now_ms, limits, _started)
    return _nothing(None)


def _nothing(state: State | None, commands: list[Command] | None = None) -> Step:
    return Step(state, None if state is None else encode_state(state), commands or [], [])


def _newborn(graph: Graph, event: StartInstance, now_ms: int) -> Instance[Frame]:
    return Instance(
        event.digest, graph.name, graph.version, Status.PENDING, -1, event.business_key, event.source, event.event_id,
        now_ms, size=1,
    )  # fmt: skip


def _step_live(graph: Graph, state: Instance[Frame], event: Event, now_ms: int, limits: Limits) -> Step:
    if type(event) is StepResult:
        return _guarded(graph, state, event, now_ms, limits, _answered)
    if type(event) is EventReceived:
        return _guarded(graph, state, event, now_ms, limits, _received)
    if type(event) is TimerFired:
        now_ms = max(now_ms, event.due_ms)
        if not first_due(state.expires_ms, state.frames, now_ms):
            return _nothing(state)
        return _guarded(graph, state, event, now_ms, limits, _due)
    if type(event) is CancelInstance:
        if event.undo and _ends_already(state):
            return _nothing(state)
        return _guarded(graph, state, event, now_ms, limits, _cancelled)
    if type(event) is StepRetrying:
        if _awaited(graph, state, event) is None:
            return _nothing(state)
        return _guarded(graph, state, event, now_ms, limits, _retrying)
    return _nothing(state)  # its start event again


def _step_suspended(graph: Graph, state: Instance[Frame], event: Event, now_ms: int, limits: Limits) -> Step:
    """What would have it go on waits, or is left alone."""
    if type(event) is TimerFired:
        return _nothing(state)
    if type(event) is StepResult and _is_wanted(graph, state, event) and not control.is_kept(state, event):
        return _guarded(graph, state, event, now_ms, limits, control.kept)
    if type(event) is StepResult:
        return _guarded(graph, state, event, now_ms, limits, _ignored)
    if type(event) is EventReceived:
        try:
            return _applied(graph, state, event, now_ms, limits, control.heard)
        except LimitExceededError:  # it is too much to be kept: others may have it
            return _guarded(graph, state, event, now_ms, limits, give_back)
    return _step_live(graph, state, event, now_ms, limits)


def _is_wanted(graph: Graph, state: Instance[Frame], event: StepResult) -> bool:
    return _awaited(graph, state, event) is not None or ledger.is_adrift(state, graph.tasks, event)


def _ends_already(state: Instance[Frame]) -> bool:
    """Whether the instance ends as soon as all is undone."""
    return any(type(each) is UndoFrame and each.ending is not None for each in state.frames)


def _controlled(
    graph: Graph, state: Instance[Frame], event: ControlInstance, now_ms: int, limits: Limits, other: Graph | None
) -> Step:
    refusal = control.refusal_of(event, is_suspended=state.status is Status.SUSPENDED)
    if refusal is None and event.action == control.MOVE:
        target = on_corrected(graph, state, other, event.instance_id, TABLE.numbered, event.places)
        done = _unless_refused(target, event, now_ms, limits, control.moved)
        if isinstance(done, Step):
            return done
        refusal = done
    if refusal is not None:
        return _guarded(graph, state, event, now_ms, limits, partial(control.refused, why=refusal))
    if event.action == control.SUSPEND:
        return _guarded(graph, state, event, now_ms, limits, control.suspended)
    return _guarded(graph, state, event, now_ms, limits, partial(control.resumed, takes=(_answered, _received)))


def _repaired(
    graph: Graph, state: Instance[Frame], event: RepairStep, now_ms: int, limits: Limits, corrected: Graph | None
) -> Step:
    """The instance goes on as decided, on a corrected definition if its place is there, too; or nothing happens."""
    refusal = refusal_of(state, event)
    if refusal is None:
        moves = event.digest not in (None, state.digest)
        target = on_corrected(graph, state, corrected, event.instance_id, TABLE.numbered) if moves else (graph, state)
        done = _unless_refused(target, event, now_ms, limits, repaired)
        if isinstance(done, Step):
            return done
        refusal = done
    return _guarded(graph, state, event, now_ms, limits, partial(refused, why=refusal))


def _unless_refused(
    target: tuple[Graph, Instance[Frame]] | str,
    event: Event,
    now_ms: int,
    limits: Limits,
    apply: Callable[[Run, Any], None],
) -> Step | str:
    """What people decide, applied to the instance on the definition that it is to go on with; or why that cannot be:
    nothing has happened then, also where it would break a limit."""
    if isinstance(target, str):
        return target
    try:
        return _applied(*target, event, now_ms, limits, apply)
    except (LimitExceededError, RecursionError) as error:
        return _limit_problem(error)["detail"] or ""


def _guarded(
    graph: Graph, state: Instance[Frame], event: Event, now_ms: int, limits: Limits, apply: Callable[[Run, Any], None]
) -> Step:
    """Applies an event; if that breaks a limit, it has not happened and the instance faults."""
    try:
        return _applied(graph, state, event, now_ms, limits, apply)
    except (LimitExceededError, RecursionError) as error:
        problem = _limit_problem(error)
    try:
        return _applied(graph, state, event, now_ms, limits, partial(_faulted, problem=problem, undo=True))
    except (LimitExceededError, RecursionError):  # to undo is too much as well, or to tell of it
        run = Run(graph, state, event.instance_id, now_ms, limits, TABLE)
        _faulted(run, event, problem, undo=False)
        return _result(run)


def _faulted(run: Run, event: Event, problem: Problem, undo: bool) -> None:
    if type(event) is StartInstance:
        _note_start(run)
    run.end(Status.FAULTED, error=problem, undo=undo)


def _applied(
    graph: Graph, state: Instance[Frame], event: Event, now_ms: int, limits: Limits, apply: Callable[[Run, Any], None]
) -> Step:
    run = Run(graph, state, event.instance_id, now_ms, limits, TABLE)
    apply(run, event)
    run.drain()
    if state.status is Status.SUSPENDED and not run.suspended:
        control.take_kept(run, (_answered, _received))
    _check_history(run)
    return _result(run)


def _limit_problem(error: LimitExceededError | RecursionError) -> Problem:
    if isinstance(error, RecursionError):
        error = LimitExceededError("data nested deeper than can be handled", "")
    text = f"The instance would need {error.text}; that is the limit."
    return errors.problem(problems.RUNTIME, text, error.pointer, Reason.LIMIT_EXCEEDED)


# One function for each kind of event


def _note_start(run: Run) -> None:
    run.transitions.append(Transition("", 0, 0, Phase.WORKFLOW_STARTED))


def _started(run: Run, event: StartInstance) -> None:
    _note_start(run)
    run.settled(_begin, run, event)


def _begin(run: Run, event: StartInstance) -> None:
    graph = run.graph
    try:
        data = event.data.value()
    except UnreadablePayloadError as error:
        raise errors.failed("/input", problems.VALIDATION, f"The input cannot be read: {error}") from None
    run.bound += len(event.data.raw) * PER_BYTE
    if event.event_keys:
        run.taken = [*event.event_keys]
    if graph.lists_events:
        run.bound += _ATTRIBUTES_BYTES * PER_BYTE
    if graph.keeps_input:
        run.input = [cloud_event(event, data)] if graph.lists_events else data
    if graph.read != DATA and event.event_type in graph.event_types:
        data = cloud_event(event, data) if graph.read == ENVELOPE else dumps(data).decode()
        run.bound += _ATTRIBUTES_BYTES * PER_BYTE
    begins = None if event.rerun is None else control.begins_at(run, event.rerun)
    if graph.input is not NOTHING and begins is None:
        data = shape_input(run, graph.input, data, "/input")
    if graph.timeout is not None:
        run.expires_ms = run.now_ms + evaluate(run, graph.timeout, data, "/timeout")
    if begins is None:
        run.defer(0, -1, data)
    else:
        control.begin_at(run, *begins)


def _answered(run: Run, event: StepResult, came_ms: int | None = None) -> None:
    frame, keeps_time = _awaiting(run, event)
    if keeps_time:
        catch_up(run, frame, event, came_ms)
        if run.outcome is not None:
            return
        frame, _ = _awaiting(run, event)
    if frame is None:
        if not undo.settled(run, event):
            _ignored(run, event)
    else:
        run.settled(ANSWERED[type(frame)], run, frame, run.graph.tasks[frame.task], event)


def _ignored(run: Run, event: StepResult) -> None:
    run.note_came(event, Phase.RESULT_IGNORED)


def _awaiting(run: Run, event: StepResult) -> tuple[Frame | None, bool]:
    """The frame that waits for exactly this step, and whether any frame waits for a time."""
    tasks, pointer = run.graph.tasks, event.pointer
    awaiting, keeps_time = None, run.expires_ms > 0
    for frame in run.frames.values():
        kind = type(frame)
        if frame.expires_ms or kind in DUE:
            keeps_time = True
        if (
            kind in ANSWERED
            and (frame.asked or tasks[frame.task].pointer) == pointer
            and frame.iteration == event.iteration
        ):
            awaiting = frame if frame.attempt == event.attempt else None
    return awaiting, keeps_time


def _received(run: Run, event: EventReceived, came_ms: int | None = None) -> None:
    """What is due by its time has happened before; then it counts if a step listens for exactly this, else others may
    have it."""
    fire_all(run, came_ms)
    for frame in run.frames.values() if run.outcome is None else ():
        task = run.graph.tasks[frame.task]
        at = (task.pointer, frame.iteration, frame.attempt)
        if type(frame) in RECEIVED and at == (event.pointer, event.iteration, event.attempt):
            run.settled(RECEIVED[type(frame)], run, frame, task, event)
            return
    give_back(run, event)


def _awaited(graph: Graph, state: Instance[Frame], step: StepRetrying | StepResult) -> Frame | None:
    """The frame that waits for exactly this step."""
    for frame in state.frames:
        waits = type(frame) in ANSWERED and (frame.asked or graph.tasks[frame.task].pointer) == step.pointer
        if waits and (frame.iteration, frame.attempt) == (step.iteration, step.attempt):
            return frame
    return None


def _retrying(run: Run, event: StepRetrying) -> None:
    """The step goes on as it is; people see who tries it again, when and why."""
    frame = _awaited(run.graph, run.instance, event)
    assert frame is not None
    told: dict[str, Json] = {
        "by": event.actor or "recover", "retry": event.retry, "of": event.retries, "at": rfc3339(event.due_ms),
        "because": errors.received(event.error, event.pointer),
    }  # fmt: skip
    if event.policy_of is not None:
        told["policy"] = event.policy_of
    if event.why is not None:
        told["why"] = event.why
    run.note(run.graph.tasks[frame.task], Phase.TASK_RETRIED, event.iteration, event.attempt, told)


def _due(run: Run, _: TimerFired) -> None:
    fire_all(run)


def _cancelled(run: Run, event: CancelInstance) -> None:
    problem = errors.problem(problems.RUNTIME, f"Cancelled: {event.reason}", "", Reason.CANCELLED)
    told = {"reason": event.reason, "actor": event.actor}
    run.end(Status.CANCELLED, error=problem, data=told, undo=event.undo)


# The result


def _result(run: Run) -> Step:
    old = run.instance
    seq = old.seq + 1
    if run.outcome is not None:
        control.let_go(run)
    commands: list[Command] = [*run.issued.values(), *run.cancels, *run.controls, *run.asked]
    for each in run.incidents:
        each.seq = seq
    if run.outcome is not None:
        marker = Marker(Status(run.outcome.status), seq, run.now_ms + run.limits.deduplication_window_ms)
        return Step(marker, encode_state(marker), commands, run.transitions, run.outcome, run.incidents)
    state = Instance(
        old.digest, old.workflow, old.version, _status(run), seq, old.business_key, old.source, old.event_id,
        old.started_at_ms, run.expires_ms, run.next_frame, run.input, run.context, run.entries,
        list(run.frames.values()), taken=run.taken, later=run.later, ledger=run.ledger,
    )  # fmt: skip
    if run.suspended:
        state.status = Status.SUSPENDED
    return Step(state, _encode(state, run.limits), commands, run.transitions, None, run.incidents)


def _check_history(run: Run) -> None:
    if run.told_bytes + len(run.transitions) * (run.graph.pointer_bytes + _ENTRY_BYTES) <= run.limits.record_bytes:
        return  # the most that it can be; mostly that settles it
    size = sum(len(entry.pointer) + _ENTRY_BYTES for entry in run.transitions) + run.told_bytes
    if size > run.limits.record_bytes:
        raise LimitExceededError(f"a history entry of more than {run.limits.record_bytes} bytes", "")


def _encode(state: Instance[Frame], limits: Limits) -> bytes:
    try:
        row = encode_state(state)
    except (TypeError, ValueError, OverflowError) as error:
        raise LimitExceededError(f"a state that can't be stored ({error})", "") from None
    if len(row) > limits.state_bytes:
        raise LimitExceededError(f"a state of more than {limits.state_bytes} bytes", "")
    return row


def _status(run: Run) -> Status:
    """With an incident, or running while a step processor works on a step, else waiting: for time or for a person."""
    tasks, status = run.graph.tasks, Status.WAITING
    for frame in run.frames.values():
        kind = type(frame)
        if kind is IncidentFrame:
            return Status.INCIDENT
        working = WORKING.get(kind)
        if working is not None and working(frame, tasks[frame.task]):
            status = Status.RUNNING
    if run.graph.undoes and any(type(frame) is UndoFrame for frame in run.frames.values()):
        return Status.UNDOING
    return status

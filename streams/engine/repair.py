"""What people decide about an incident: the task is done again, or left out, or the instance ends with its error.

A decision names one incident by its number, which is never used twice. So a decision that comes a second time, or after
somebody else's, finds nothing and is refused; what became of it stands in history either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.ids import step_id
from schemas.lifecycle import Phase, Status
from schemas.payload import Json, Payload, UnreadablePayloadError
from streams.engine import ledger, undo
from streams.engine.activity import Activity
from streams.engine.incident import incident
from streams.engine.messages import RepairStep, Transition
from streams.engine.run import Run
from streams.engine.state import Certainty, Frame, IncidentFrame, Instance
from streams.engine.weight import PER_BYTE
from streams.language.graph import Directive, Flow

NEW_KEY = "new"
_CLOSED_AS = {"retry": "retried", "skip": "skipped", "fail": "failed"}


def refusal_of(state: Instance[Frame], event: RepairStep) -> str | None:
    """Why the decision cannot be carried out; None if it can."""
    frame = next((each for each in state.frames if each.id == event.incident), None)
    if type(frame) is not IncidentFrame:
        return "the incident is not open, or not any more"
    if event.action not in _CLOSED_AS:
        return "nobody knows how to do that: the actions are retry, skip and fail"
    if state.status is Status.SUSPENDED and not _ends(state, frame, event):
        return "the instance is suspended: resume it first"
    for payload in (event.input, event.output):
        if payload is not None and isinstance(_value(payload), UnreadablePayloadError):
            return "its data cannot be read"
    if event.input is None:
        return None
    if frame.output:
        return "the step is done and only what becomes of its output has failed: its input is not read again"
    if type(frame.kept[1]) is not dict or type(_value(event.input)) is not dict:
        return "only an input that is an object can be changed member by member"
    return None


def _ends(state: Instance[Frame], frame: IncidentFrame, event: RepairStep) -> bool:
    """Whether the instance ends, or begins to undo for its end: to give up one undo has it go on with the next."""
    frames = {each.id: each for each in state.frames}
    return event.action == "fail" and (not event.undo or undo.around(frames, frame.parent) is None)


def refused(run: Run, event: RepairStep, why: str) -> None:
    """History says that nothing was done."""
    run.transitions.append(Transition("", 0, 0, Phase.REPAIR_REFUSED, run.told(_about(event) | {"refused": why})))


def repaired(run: Run, event: RepairStep) -> None:
    """Carries a decision out that is not to be refused."""
    frame = run.frames[event.incident]
    assert type(frame) is IncidentFrame
    for payload in (event.input, event.output):
        run.bound += len(payload.raw) * PER_BYTE if payload is not None else 0
    run.incidents.append(incident(run, frame, _CLOSED_AS[event.action], event.actor, event.why))
    activity = run.close(frame)
    _ACTIONS[event.action](run, frame, activity, event)


def _retry(run: Run, frame: IncidentFrame, activity: Activity, event: RepairStep) -> None:
    task = activity.task
    activity.attempt += 1
    activity.key = step_id(run.instance_id, task.pointer, frame.iteration, activity.attempt)
    if event.key != NEW_KEY:
        activity.key = frame.key or step_id(run.instance_id, task.pointer, frame.iteration, frame.attempt)
    activity.started_ms = run.now_ms
    run.note(task, Phase.TASK_RETRIED, activity.iteration, activity.attempt, _about(event))
    if frame.output:
        run.settled(run.complete, activity, frame.output[0], _flow(frame))
    elif frame.begun:
        if event.input is not None:
            activity.raw = activity.input = _patched(activity.raw, event.input.value())
        else:
            activity.input = activity.raw
        run.settled(run.begin, activity)
    else:
        run.defer(task.index, activity.parent, activity.raw)


def _skip(run: Run, frame: IncidentFrame, activity: Activity, event: RepairStep) -> None:
    run.note(activity.task, Phase.INCIDENT_SKIPPED, activity.iteration, activity.attempt, _about(event))
    if not frame.begun:
        run.note(activity.task, Phase.TASK_STARTED, activity.iteration, activity.attempt)
    output = event.output.value() if event.output is not None else None
    if ledger.undo_of(activity.task) >= 0 and ledger.in_doubt(frame.error) and not frame.output:
        ledger.add(run, ledger.entry(run, frame, activity.task, Certainty.DONE, output))  # it happened, people say
    run.settled(run.complete, activity, output, _flow(frame))


def _fail(run: Run, frame: IncidentFrame, activity: Activity, event: RepairStep) -> None:
    run.note(activity.task, Phase.INCIDENT_FAILED, activity.iteration, activity.attempt, _about(event))
    run.note(activity.task, Phase.TASK_FAULTED, activity.iteration, activity.attempt, frame.error)
    undoing = undo.around(run.frames, frame.parent)
    if undoing is not None and event.undo:
        undo.given_up(run, undoing)
        return
    ledger.note_left(run, frame)
    run.end(Status.FAULTED, error=frame.error, undo=event.undo)


_ACTIONS: Mapping[str, Callable[[Run, IncidentFrame, Activity, RepairStep], None]] = {
    "retry": _retry,
    "skip": _skip,
    "fail": _fail,
}


def _about(event: RepairStep) -> dict[str, Json]:
    about: dict[str, Json] = {
        "repair": event.repair_id, "incident": event.incident, "action": event.action, "actor": event.actor,
        "why": event.why,
    }  # fmt: skip
    return about | ({"key": event.key} if event.key == NEW_KEY else {})


def _flow(frame: IncidentFrame) -> Flow | None:
    return None if frame.flow is None else Flow(Directive(frame.flow[0]), frame.flow[1])


def _patched(value: Json, patch: Json) -> Json:
    """The value with other members, as JSON merge patch (RFC 7396) has it: null takes one away."""
    if type(patch) is not dict:
        return patch
    merged = dict(value) if type(value) is dict else {}
    for name, part in patch.items():
        if part is None:
            merged.pop(name, None)
        else:
            merged[name] = _patched(merged.get(name), part)
    return merged


def _value(payload: Payload) -> Json | UnreadablePayloadError:
    try:
        return payload.value()
    except UnreadablePayloadError as error:
        return error

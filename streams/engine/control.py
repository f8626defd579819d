"""An instance that people let stand still and go on, or begin in its middle.

A suspended instance takes results in and starts nothing. What it gets is kept as it came, with its time; what falls due
is left alone. When it goes on, each result counts or does not by the time at which it came, as it would have, and what
fell due since then happens, once. But what begins then begins then: its `timeout` and its `wait` count from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from schemas import problems
from schemas.lifecycle import Phase
from schemas.payload import Json, Payload, UnreadablePayloadError
from streams.engine import errors
from streams.engine.activity import Activity
from streams.engine.constructs.call import StepFrame
from streams.engine.constructs.do import ListFrame
from streams.engine.constructs.listen import give_back
from streams.engine.messages import ControlChild, ControlInstance, EventReceived, StepResult, Transition
from streams.engine.run import Run
from streams.engine.state import Frame, Instance, Later
from streams.engine.timers import fire_all
from streams.engine.weight import PER_BYTE
from streams.language.constructs.run import Run as Child

Came = TypeVar("Came", contravariant=True)


class Take(Protocol[Came]):
    """Takes what has come by the time at which it came."""

    def __call__(self, run: Run, event: Came, came_ms: int, /) -> None:
        """In the run of the instance."""


Takes = tuple[Take[StepResult], Take[EventReceived]]  # a result, and an event that was listened for

SUSPEND, RESUME, MOVE = "suspend", "resume", "move"


def refusal_of(event: ControlInstance, *, is_suspended: bool) -> str | None:
    """Why the wish cannot be carried out, as far as that does not hang on another definition; None if it can."""
    if event.action == SUSPEND and is_suspended:
        return "the instance is suspended already"
    if event.action == RESUME and not is_suspended:
        return "the instance is not suspended"
    if event.action not in (SUSPEND, RESUME, MOVE):
        return "nobody knows how to do that: the actions are suspend, resume and move"
    return None


def refused(run: Run, event: ControlInstance, why: str) -> None:
    """History says that nothing was done."""
    _note(run, Phase.CONTROL_REFUSED, _about(event) | {"refused": why})


def suspended(run: Run, event: ControlInstance) -> None:
    """The instance stands still."""
    run.suspended = True
    _note(run, Phase.WORKFLOW_SUSPENDED, _about(event))
    _children_too(run, event)


def moved(run: Run, event: ControlInstance) -> None:
    """The instance has been put on another definition."""
    _note(run, Phase.WORKFLOW_MOVED, _about(event) | {"version": run.graph.version, "places": dict(event.places)})


def resumed(run: Run, event: ControlInstance, takes: Takes) -> None:
    """The instance goes on."""
    run.suspended = False
    _note(run, Phase.WORKFLOW_RESUMED, _about(event))
    _children_too(run, event)
    take_kept(run, takes)
    fire_all(run)


def _children_too(run: Run, event: ControlInstance) -> None:
    """The instances that steps wait for stand and go on with this one; those below them do with those."""
    about = (event.control_id, event.action, event.why, event.actor)
    for frame in run.frames.values():
        task = run.graph.tasks[frame.task]
        if type(frame) is StepFrame and type(task) is Child:
            at = (run.instance_id, frame.asked or task.pointer, frame.iteration, frame.attempt)
            run.controls.append(ControlChild(*at, *about))


def take_kept(run: Run, takes: Takes) -> None:
    """What came while the instance stood still: nobody sends it again. Also where it undoes without having been
    resumed: that may be what an undo under way waits for."""
    answered, received = takes
    later, run.later = run.later, []
    for each in later:
        if each.heard is not None:
            received(run, _event_of(run.instance_id, each), each.at_ms)
        elif run.outcome is None:
            answered(run, _result_of(run.instance_id, each), each.at_ms)
        run.drain()


def let_go(run: Run) -> None:
    """The instance has ended: events that were kept for it are for others."""
    for each in run.later:
        if each.heard is not None:
            give_back(run, _event_of(run.instance_id, each))


def kept(run: Run, event: StepResult) -> None:
    """A result that is waited for is kept until the instance goes on."""
    output = None if event.output is None else event.output.raw
    error = None if event.error is None else dict(event.error)
    address = (event.pointer, event.iteration, event.attempt)
    run.later = [*run.later, Later(run.now_ms, *address, event.status, output, error)]
    run.note_came(event, Phase.RESULT_KEPT)


def heard(run: Run, event: EventReceived) -> None:
    """An event is kept until the instance goes on, or ends; whether it is still listened for is seen then."""
    address = (event.pointer, event.iteration, event.attempt)
    parts = (event.filter, event.key, event.event_key, event.event.raw, event.values.raw, event.at_ms, event.origin)
    run.later = [*run.later, Later(run.now_ms, *address, "", None, None, parts)]
    run.note_came(event, Phase.RESULT_KEPT)


def is_kept(state: Instance[Frame], event: StepResult) -> bool:
    """Whether the result has come before."""
    address = (event.pointer, event.iteration, event.attempt)
    return any(each.heard is None and (each.pointer, each.iteration, each.attempt) == address for each in state.later)


def _result_of(instance_id: str, each: Later) -> StepResult:
    """The result as it came."""
    output = None if each.output is None else Payload.inside(each.output)
    return StepResult(
        instance_id=instance_id, pointer=each.pointer, iteration=each.iteration, attempt=each.attempt,
        status=each.status, output=output, error=each.error,
    )  # fmt: skip


def begins_at(run: Run, rerun: Mapping[str, Any]) -> tuple[int, Json] | None:
    """The task of the outermost list at which a rerun begins, and with what; None where that is the start."""
    if rerun["task"] is None:
        return None
    index = next((task.index for task in run.graph.tasks if task.pointer == rerun["task"] and task.parent == 0), None)
    if index is None:
        raise errors.failed("/do", problems.CONFIGURATION, "The task at which it is to begin is not there.")
    try:
        given = [None if rerun[part] is None else rerun[part].value() for part in ("input", "context")]
    except UnreadablePayloadError as error:
        raise errors.failed("/do", problems.VALIDATION, f"What it is to begin with cannot be read: {error}") from None
    run.bound += sum(len(rerun[part].raw) * PER_BYTE for part in ("input", "context") if rerun[part] is not None)
    run.context = given[1] if type(given[1]) is dict else run.context
    return index, given[0]


def begin_at(run: Run, index: int, data: Json) -> None:
    """Control enters there, as if all before it had been done."""
    frame = run.open_around(ListFrame, Activity(run.graph.tasks[0], -1, data, data, run.now_ms))
    run.defer(index, frame.id, data)


def _event_of(instance_id: str, each: Later) -> EventReceived:
    """The event as it came."""
    assert each.heard is not None
    number, key, event_key, event, values, at_ms, origin = each.heard
    return EventReceived(
        instance_id=instance_id, pointer=each.pointer, iteration=each.iteration, attempt=each.attempt,
        filter=number, key=key, event_key=event_key, event=Payload.inside(event), values=Payload.inside(values),
        at_ms=at_ms, origin=origin,
    )  # fmt: skip


def _note(run: Run, phase: Phase, data: Mapping[str, Json]) -> None:
    run.transitions.append(Transition("", 0, 0, phase, run.told(dict(data))))


def _about(event: ControlInstance) -> dict[str, Json]:
    return {"control": event.control_id, "action": event.action, "actor": event.actor, "why": event.why}

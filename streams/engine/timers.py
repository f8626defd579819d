"""When an instance has to be looked at again, and what happens then.

A frame may wait for a time of its own, which its construct declares, and may have a `timeout`. Whichever comes first
counts; where both are due at once, what the frame waits for has happened.

A timeout belongs to the task that it was given to, and time is that of records. So whatever a record brings, what is
due by its time has happened before (`catch_up`): the step of a task inside is given the deadline of everything around
it, and its own report that it ran out of time mostly comes before the timer. Where several timeouts around each other
have passed, the outermost counts: what it was given to is over, with all inside.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas import problems
from schemas.lifecycle import Status
from schemas.reasons import MEANINGS, Code
from schemas.steps import COMPLETED
from streams.engine.constructs import DUE
from streams.engine.errors import failed
from streams.engine.messages import StepResult
from streams.engine.run import Run
from streams.engine.state import Frame, IncidentFrame, Instance, Marker, State


def next_due_ms(state: State) -> int:
    """When the engine has to be given a `TimerFired`, Unix time in milliseconds; 0 for never."""
    if type(state) is Marker:
        return state.expires_ms
    assert type(state) is Instance
    if state.status is Status.SUSPENDED:
        return 0
    earliest = state.expires_ms
    for frame in state.frames:
        at_ms = due_ms(frame) if type(frame) in DUE else frame.expires_ms
        if at_ms and (not earliest or at_ms < earliest):
            earliest = at_ms
    return earliest


def first_due(expires_ms: int, frames: Iterable[Frame], now_ms: int) -> Frame | int | None:
    """The frame whose time has come first, the workflow's own expiry, or None."""
    first: Frame | int | None = None
    earliest = now_ms + 1
    if 0 < expires_ms < earliest:
        first = earliest = expires_ms
    for frame in frames:
        at_ms = due_ms(frame)
        if 0 < at_ms < earliest:
            first, earliest = frame, at_ms
    return first


def fire_all(run: Run, until_ms: int | None = None) -> None:
    """Fires all that is due, now or at an earlier time, in the order of time and then from the outside in."""
    until_ms = run.now_ms if until_ms is None else until_ms
    while run.outcome is None:
        due = first_due(run.expires_ms, run.frames.values(), until_ms)
        if due is None:
            return
        run.settled(_fire, run, _outermost(run, due, until_ms))
        run.drain()


def catch_up(run: Run, frame: Frame | None, result: StepResult, came_ms: int | None = None) -> None:
    """Fires what is due when a result comes, or came, for `frame` if somebody still waits for it.

    A step that says itself that it ran out of time is believed, if that time was its own: its account of it is the
    better one, for it tells what became of the effect.
    """
    if frame is not None and frame.expires_ms and _ran_out_of_time(result):
        run.frames[frame.id] = msgspec.structs.replace(frame, expires_ms=0)
    fire_all(run, came_ms)


def _ran_out_of_time(result: StepResult) -> bool:
    if result.status == COMPLETED or result.error is None:
        return False
    meaning = MEANINGS.get(result.error.get("reason"))  # type: ignore[arg-type]  # some text, that of a reason or not
    by_reason = meaning is not None and meaning.code is Code.DEADLINE_EXCEEDED
    return by_reason or problems.canonical(str(result.error.get("type"))) == problems.TIMEOUT


def _outermost(run: Run, due: Frame | int, until_ms: int) -> Frame | int:
    """What has happened where this is due: of timeouts around each other that have passed, the outermost."""
    if isinstance(due, int) or _own_due_ms(due):
        return due
    if 0 < run.expires_ms <= until_ms:
        return run.expires_ms
    outermost, parent = due, due.parent
    while parent >= 0:
        around = run.frames[parent]
        if 0 < around.expires_ms <= until_ms:
            outermost = around
        parent = around.parent
    return outermost


def _fire(run: Run, due: Frame | int) -> None:
    if isinstance(due, int):
        raise failed("/timeout", problems.TIMEOUT, "The workflow has taken longer than its timeout.")
    if _own_due_ms(due):
        DUE[type(due)].fire(run, due, run.graph.tasks[due.task])
        return
    activity = run.activity(due)
    run.cancel_below(due.id, "a task around the step has timed out")
    run.withdraw(due, "the task has timed out")
    activity.frame, activity.expires_ms = -1, 0
    before = f"; before that it had failed: {due.error['title']}" if type(due) is IncidentFrame else ""
    raise failed(activity, problems.TIMEOUT, f"The task has taken longer than its timeout{before}.")


def due_ms(frame: Frame) -> int:
    """When a frame needs a timer next, for whatever reason; 0 for never."""
    return _own_due_ms(frame) or frame.expires_ms


def _own_due_ms(frame: Frame) -> int:
    """The time that the frame itself waits for, if that comes before its `timeout`; else 0."""
    due = DUE.get(type(frame))
    if due is None:
        return 0
    at_ms = due.at_ms(frame)
    return at_ms if not frame.expires_ms or at_ms <= frame.expires_ms else 0

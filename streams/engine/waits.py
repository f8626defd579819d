"""What a live instance waits for, and until when: read off its state, for people."""

from __future__ import annotations

from msgspec import Struct

from schemas.lifecycle import Status
from streams.engine.state import Certainty, Frame, IncidentFrame, Instance, UndoFrame
from streams.engine.timers import due_ms


class Waiting(Struct, gc=False):
    """An open task that waits: for its step, or for a time."""

    task: int
    iteration: int
    attempt: int
    since_ms: int
    until_ms: int | None  # when the engine goes on by itself, by the task's own time or a timeout around it


def waits(state: Instance[Frame]) -> list[Waiting]:
    """The innermost open tasks but those that have failed (`incident`), in the order in which they were entered; and
    the steps whose answers undoing waits for."""
    around = {frame.parent for frame in state.frames}
    frames = {frame.id: frame for frame in state.frames}
    found = [
        Waiting(frame.task, frame.iteration, frame.attempt, frame.started_ms, _until_ms(state, frames, frame))
        for frame in state.frames
        if frame.id not in around and type(frame) is not IncidentFrame and type(frame) is not UndoFrame
    ]
    undoes = any(type(frame) is UndoFrame for frame in state.frames)
    done = () if state.ledger is None else state.ledger.done
    adrift = [each for each in done if each.certainty is Certainty.ADRIFT] if undoes else []
    return found + [Waiting(each.task, each.iteration, each.attempt, each.at_ms, None) for each in adrift]


def _until_ms(state: Instance[Frame], frames: dict[int, Frame], frame: Frame) -> int | None:
    if state.status is Status.SUSPENDED:
        return None
    times = [state.expires_ms, due_ms(frame)]
    while frame.parent >= 0:
        frame = frames[frame.parent]
        times.append(frame.expires_ms)
    return min(filter(None, times), default=None)

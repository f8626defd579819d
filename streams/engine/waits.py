"""What a live instance waits for, and until when: read off its state, for people."""

from __future__ import annotations

from msgspec import Struct

from schemas.lifecycle import Status
from streams.engine.state import Frame, IncidentFrame, Instance
from streams.engine.timers import due_ms


class Waiting(Struct, gc=False):
    """An open task that waits: for its step, or for a time."""

    task: int
    iteration: int
    attempt: int
    since_ms: int
    until_ms: int | None  # when the engine goes on by itself, by the task's own time or a timeout around it


def waits(state: Instance[Frame]) -> list[Waiting]:
    """The innermost open tasks but those that have failed (`incident`), in the order in which they were entered."""
    around = {frame.parent for frame in state.frames}
    frames = {frame.id: frame for frame in state.frames}
    return [
        Waiting(frame.task, frame.iteration, frame.attempt, frame.started_ms, _until_ms(state, frames, frame))
        for frame in state.frames
        if frame.id not in around and type(frame) is not IncidentFrame
    ]


def _until_ms(state: Instance[Frame], frames: dict[int, Frame], frame: Frame) -> int | None:
    if state.status is Status.SUSPENDED:
        return None
    times = [state.expires_ms, due_ms(frame)]
    while frame.parent >= 0:
        frame = frames[frame.parent]
        times.append(frame.expires_ms)
    return min(filter(None, times), default=None)

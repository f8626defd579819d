"""The open tasks of one instance: how their frames are closed and cancelled, and what history is told of them.

The tree knows no construct. What it has to know of a kind of frame stands in a table that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from orjson import dumps

from schemas.lifecycle import Phase, Status
from schemas.payload import Json, Payload
from streams.engine.activity import Activity, Stage
from streams.engine.limits import LimitExceededError, Limits
from streams.engine.messages import (
    CancelStep,
    ControlChild,
    EventCommand,
    EventReceived,
    Incident,
    StepCommand,
    StepResult,
    Transition,
)
from streams.engine.state import Frame, Instance, Ledger, UndoFrame
from streams.engine.weight import PER_BYTE, Scale
from streams.language.graph import Graph, Task

HELD = 16  # times the limit of a value: what a step may hold for a state, until it is written
Exports = tuple[dict[int, Json], int]  # what branches have exported by their position, and the position of one


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTable:
    """What kinds of frames do, where it differs: a kind that does nothing of its own has no row."""

    copy: Mapping[type[Frame], Callable[[Any], Frame]]
    withdraw: Mapping[type[Frame], Callable[[Tree, Any, Any, str], None]]
    binds: Mapping[type[Frame], Callable[[Any, Any], Mapping[str, Json]]]
    exports: Mapping[type[Frame], Callable[[Any, Any, int], Exports]]


class Tree:
    """The frames of an instance during one engine step. It works on copies; `instance` as given is never changed."""

    __slots__ = (
        "_scale", "asked", "bound", "cancels", "context", "controls", "entries", "expires_ms", "frames", "gives_up",
        "graph", "held", "incidents", "input", "instance", "instance_id", "issued", "later", "ledger", "limits",
        "next_frame", "now_ms", "of_frames", "suspended", "taken", "told_bytes", "transitions",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        instance: Instance[Frame],
        instance_id: str,
        now_ms: int,
        limits: Limits,
        of_frames: FrameTable,
    ) -> None:
        self.graph = graph
        self.instance = instance
        self.instance_id = instance_id
        self.now_ms = now_ms
        self.limits = limits
        self.of_frames = of_frames
        copies = of_frames.copy
        self.frames: dict[int, Frame] = {
            frame.id: copies[type(frame)](frame) if type(frame) in copies else frame for frame in instance.frames
        }
        self.bound = self.held = (graph.bytes + (instance.size or limits.state_bytes)) * PER_BYTE
        self._scale: Scale | None = None
        self.input: Json = instance.input
        self.context: Json = instance.context
        self.expires_ms = instance.expires_ms
        self.entries = instance.entries
        self.taken = instance.taken
        self.next_frame = instance.next_frame
        self.suspended = instance.status is Status.SUSPENDED
        self.later = instance.later
        self.ledger: Ledger | None = instance.ledger
        self.gives_up = False  # what is being undone
        self.issued: dict[int, StepCommand] = {}
        self.cancels: list[CancelStep] = []
        self.controls: list[ControlChild] = []  # of the instances that steps wait for
        self.asked: list[EventCommand] = []  # about events, in their order
        self.incidents: list[Incident] = []  # those that were opened or closed
        self.transitions: list[Transition] = []
        self.told_bytes = 0  # of data in transitions

    def activity(self, frame: Frame) -> Activity:
        """The activity of an open frame."""
        kept = frame.kept
        data = kept[0] if kept else None
        raw = kept[1] if len(kept) > 1 else data
        task = self.graph.tasks[frame.task]
        return Activity(
            task, frame.parent, raw, data, frame.started_ms, frame.iteration, frame.attempt, frame.id,
            stage=Stage.BEGUN, whole=bool(kept), expires_ms=frame.expires_ms, key=frame.key,
        )  # fmt: skip

    def close(self, frame: Frame) -> Activity:
        """Removes a frame whose task has come to its end; what it kept goes on."""
        del self.frames[frame.id]
        activity = self.activity(frame)
        activity.frame = -1
        return activity

    def cancel_below(self, frame_id: int, reason: str) -> None:
        """Closes everything below a frame, innermost first; pending steps are told so."""
        doomed = {frame_id}
        for frame in self.frames.values():  # a child always stands behind its parent
            if frame.parent in doomed:
                doomed.add(frame.id)
        doomed.remove(frame_id)
        self.cancel(doomed, reason)

    def cancel(self, ids: set[int], reason: str) -> None:
        """Closes frames, innermost first; pending steps are told so."""
        if self.graph.undoes and not self.gives_up:
            ids = ids - self._cut_loose(ids)
        for doomed in sorted(ids, reverse=True):
            frame = self.frames[doomed]
            activity = self.activity(frame)
            self.withdraw(frame, reason)
            self.note(activity.task, Phase.TASK_CANCELLED, activity.iteration, activity.attempt)

    def _cut_loose(self, ids: set[int]) -> set[int]:
        """Undoing goes on beside: who could tell how far it has come? Gives it, with all below."""
        loose: set[int] = set()
        for frame in list(self.frames.values()):
            if frame.id in ids and type(frame) is UndoFrame:
                loose.add(frame.id)
                self.frames[frame.id] = replace(frame, parent=-1)
            elif frame.parent in loose:
                loose.add(frame.id)
        return loose

    def withdraw(self, frame: Frame, reason: str) -> None:
        """Removes a frame whose task came to no end, and takes back what it has asked for."""
        del self.frames[frame.id]
        withdraw = self.of_frames.withdraw.get(type(frame))
        if withdraw is not None:
            withdraw(self, frame, self.graph.tasks[frame.task], reason)

    # What values weigh (`weight`)

    def weigh(self, value: Json, pointer: str) -> None:
        """Raises LimitExceededError for a value that is too heavy to be handed on."""
        weight = self._scales().weigh(value)
        if weight > self.limits.value_bytes:
            raise LimitExceededError(f"a value of more than {self.limits.value_bytes} bytes", pointer)
        self.bound = max(self.bound, weight)

    def keep(self, value: Json) -> None:
        """Something that may stay in the state is held from now on; raises LimitExceededError if that is too much.

        Counted is the most that it can weigh; the state is looked into only if that comes to a lot.
        """
        self.held += self.bound
        if self.held > HELD * self.limits.value_bytes:
            weigh = self._scales().weigh
            self.held = weigh(value) + weigh(self.input) + weigh(self.context)
            for frame in self.frames.values():
                parts = (getattr(frame, name) for name in frame.__struct_fields__)
                self.held += sum(map(weigh, (list(part.values()) if type(part) is dict else part for part in parts)))
            for done in () if self.ledger is None else self.ledger.done:
                self.held += weigh(done.input) + weigh(done.output)
            if self.held > HELD * self.limits.value_bytes:
                raise LimitExceededError(f"a state of more than {self.limits.state_bytes} bytes", "")

    def _scales(self) -> Scale:
        if self._scale is None:
            self._scale = Scale(self.limits.value_bytes)
        return self._scale

    def depth(self, parent: int) -> int:
        """How many tasks are open around a task below the frame `parent`."""
        depth = 0
        while parent >= 0:
            depth, parent = depth + 1, self.frames[parent].parent
        return depth

    def deadline_ms(self, parent: int) -> int | None:
        """The first time at which a `timeout` around ends a task below `parent`; None for never."""
        earliest = self.expires_ms
        while parent >= 0:
            frame = self.frames[parent]
            if frame.expires_ms and (not earliest or frame.expires_ms < earliest):
                earliest = frame.expires_ms
            parent = frame.parent
        return earliest or None

    def told(self, data: Json) -> Payload:
        """Data of a transition, counted."""
        raw = Payload.inside(dumps(data))
        self.told_bytes += len(raw.raw)
        return raw

    def note_came(self, event: StepResult | EventReceived, phase: Phase) -> None:
        """Writes into history what became of something that came for a step."""
        self.transitions.append(Transition(event.pointer, event.iteration, event.attempt, phase))
        self.told_bytes += len(event.pointer)

    def note(self, task: Task, phase: Phase, iteration: int = 0, attempt: int = 0, data: Json = None) -> None:
        """Writes history. Lists that only hold the body of a task, and the root, are no tasks to people."""
        if task.told:
            raw = None if data is None else self.told(data)
            self.transitions.append(Transition(task.pointer, iteration, attempt, phase, raw))

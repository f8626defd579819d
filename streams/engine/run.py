"""One engine step in progress: how control moves through the tree of tasks.

Control *enters* a task with data (its raw input); the task's construct (`constructs`) says what it does: it has an
output at once, or it opens a frame and waits, or it opens a frame and has other tasks entered below it. A task that
has an output *leaves* to its next sibling, or to its parent. A task that fails raises `TaskError`, which travels up
the frames until a `try` takes it, or ends the instance.

Tasks to be entered stand on an agenda, a stack, so a loop of thousands of tasks needs no recursion and branches of a
fork are entered one after the other in the order of declaration, each running on until it waits. An entry whose
parent has been closed in the meantime is dropped.

What the specification leaves open and is decided here:

- A skipped task has no `then`: the flow goes on with the next task.
- `exit` in the body of a loop ends that iteration; the loop goes on.
- `end` anywhere ends the workflow with the output of that task: `output` of the enclosing tasks is not applied, that
  of the workflow is; enclosing tasks count as completed, other branches of a fork are cancelled.
- A task's `timeout` is evaluated once, on its transformed input. Time counts only when a `TimerFired` says so: a
  result that comes before it counts, even if it is late by the clock.
- A branch of a fork sees the context of the fork until it exports one of its own (`contexts` tells
  what join does).
"""

from __future__ import annotations

from typing import Any

from orjson import dumps

from schemas.payload import Json, Payload
from schemas.steps import Problem
from streams.engine import constructs
from streams.engine.activity import Activity
from streams.engine.contexts import replace_context
from streams.engine.data import encode, evaluate, shape_context, shape_input, shape_output
from streams.engine.errors import TaskError
from streams.engine.lifecycle import ENDINGS, Phase, Status
from streams.engine.limits import LimitExceededError, Limits
from streams.engine.messages import CancelStep, Outcome, StepCommand, Transition
from streams.engine.state import AnyFrame, Instance, ListFrame, StepFrame, TryFrame, copy_frame
from streams.language.graph import NOTHING, Call, Directive, Do, Flow, For, Graph, Task, Try

_ON = Flow()


class Run:
    """One step of one instance. It works on its own copy of the state; `instance` as given is never changed."""

    __slots__ = (
        "_agenda", "_iterations", "_starts", "cancels", "context", "entries", "frames", "graph", "instance",
        "instance_id", "issued", "limits", "next_frame", "now_ms", "outcome", "transitions",
    )  # fmt: skip

    def __init__(self, graph: Graph, instance: Instance, instance_id: str, now_ms: int, limits: Limits) -> None:
        self.graph = graph
        self.instance_id = instance_id
        self.now_ms = now_ms
        self.limits = limits
        self.instance: Instance = instance
        self.frames: dict[int, AnyFrame] = {frame.id: copy_frame(frame) for frame in instance.frames}
        self.context: Json = instance.context
        self.entries = instance.entries
        self.next_frame = instance.next_frame
        self.issued: dict[int, StepCommand] = {}
        self.cancels: list[CancelStep] = []
        self.transitions: list[Transition] = []
        self.outcome: Outcome | None = None
        self._agenda: list[tuple[int, int, Json]] = []
        self._starts = 0
        self._iterations = 0

    # Entering and leaving

    def defer(self, task: int, parent: int, data: Json) -> None:
        """Has a task entered as soon as what is going on has come to rest."""
        self._agenda.append((task, parent, data))

    def drain(self) -> None:
        """Enters what is on the agenda until every branch waits or the instance has ended."""
        agenda = self._agenda
        while agenda:
            task, parent, data = agenda.pop()
            if parent < 0 or parent in self.frames:
                self.attempt(self._enter, task, parent, data)

    def attempt(self, do: Any, *args: Any) -> None:
        """Does something that may fail as a task; the failure goes where it belongs."""
        try:
            do(*args)
        except TaskError as error:
            self._settle(error)

    def _enter(self, index: int, parent: int, raw: Json) -> None:
        task = self.graph.tasks[index]
        self._count_start(task)
        activity = Activity(task, parent, raw, raw, self.now_ms)
        if task.condition is not None and not evaluate(self, task.condition, raw, activity):
            self.note(task, Phase.TASK_SKIPPED)
            self.leave(task, parent, raw, _ON)
            return
        kind = type(task)
        if kind is Call:
            activity.iteration = self._next_iteration(index)
        self.note(task, Phase.TASK_STARTED, activity.iteration)
        if task.input is not NOTHING:
            activity.input = shape_input(self, task.input, raw, activity)
        constructs.START[kind](self, activity)

    def complete(self, activity: Activity, output: Json, flow: Flow | None = None, data: Json = None) -> None:
        """The task has its raw output; `data` is for history."""
        task = activity.task
        activity.raw_output = output
        if task.output is not NOTHING:
            output = shape_output(self, task.output, output, activity)
        if task.export is not NOTHING:
            activity.output = output
            replace_context(self, task.index, activity.parent, shape_context(self, activity))
        self.note(task, Phase.TASK_COMPLETED, activity.iteration, data)
        self.leave(task, activity.parent, output, flow or task.then)

    def leave(self, task: Task, parent_id: int, output: Json, flow: Flow) -> None:
        """Control goes on from an ended task: to a sibling, to its parent, or to the end of the workflow."""
        if parent_id < 0:
            self._finish(output)
            return
        directive = flow.directive
        if directive is Directive.END:
            self._end_gracefully(parent_id, output)
            return
        parent = self.frames[parent_id]
        if type(parent) is not ListFrame:
            constructs.CHILD_ENDED[type(parent)](self, parent, task, output)
            return
        target = task.next if directive is Directive.CONTINUE else flow.target
        if target >= 0 and directive is not Directive.EXIT:
            self._agenda.append((target, parent_id, output))
        else:
            self.complete(self.close(parent), output)

    # Frames

    def open(self, kind: type[Any], activity: Activity, keep_input: bool = False) -> Any:
        """A new frame for a task that stays open; its `timeout` begins to count."""
        task = activity.task
        expires_ms = 0
        if task.timeout is not None:
            expires_ms = self.now_ms + evaluate(self, task.timeout, activity.input, activity)
        if len(self.frames) >= self.limits.frames:
            raise LimitExceededError(f"more than {self.limits.frames} tasks open at the same time", task.pointer)
        kept: tuple[Json, ...] = ()
        if task.keeps_input:
            kept = (activity.input,) if activity.raw is activity.input else (activity.input, activity.raw)
        elif keep_input:
            kept = (activity.input,)
        frame = kind(self.next_frame, task.index, activity.parent, activity.started_ms, expires_ms, kept)
        self.next_frame += 1
        self.frames[frame.id] = frame
        activity.frame = frame.id
        return frame

    def close(self, frame: AnyFrame) -> Activity:
        """Removes a frame whose task has come to its end; what it kept goes on."""
        del self.frames[frame.id]
        activity = self.activity(frame)
        activity.frame = -1
        return activity

    def activity(self, frame: AnyFrame) -> Activity:
        """The activity of an open frame."""
        kept = frame.kept
        data = kept[0] if kept else None
        raw = kept[1] if len(kept) > 1 else data
        iteration = frame.iteration if type(frame) is StepFrame else 0
        return Activity(self.graph.tasks[frame.task], frame.parent, raw, data, frame.started_ms, iteration, frame.id)

    def cancel_below(self, frame_id: int, reason: str) -> None:
        """Closes everything below a frame, innermost first; pending steps are told so."""
        doomed = {frame_id}
        for frame in self.frames.values():  # a child always stands behind its parent
            if frame.parent in doomed:
                doomed.add(frame.id)
        doomed.remove(frame_id)
        self._cancel(sorted(doomed, reverse=True), reason)

    def _cancel(self, ids: list[int], reason: str) -> None:
        for doomed in ids:
            frame = self.frames.pop(doomed)
            self.withdraw(frame, reason)
            iteration = frame.iteration if type(frame) is StepFrame else 0
            self.note(self.graph.tasks[frame.task], Phase.TASK_CANCELLED, iteration)

    def withdraw(self, frame: AnyFrame, reason: str) -> None:
        """Takes back the command of a step: unsent if it is of this engine step, else the processor is told."""
        if type(frame) is StepFrame and self.issued.pop(frame.id, None) is None:
            call = self.graph.tasks[frame.task]
            assert isinstance(call, Call)
            self.cancels.append(CancelStep(self.instance_id, call.pointer, frame.iteration, 0, reason, call.function))

    def deadline_ms(self, parent: int) -> int | None:
        """The first time at which a `timeout` around ends a task below `parent`; None for never."""
        earliest = self.instance.expires_ms
        while parent >= 0:
            frame = self.frames[parent]
            if frame.expires_ms and (not earliest or frame.expires_ms < earliest):
                earliest = frame.expires_ms
            parent = frame.parent
        return earliest or None

    # Errors

    def _settle(self, error: TaskError) -> None:
        """Finds the place where an error goes on; an error made there takes over and goes on from there, further up."""
        pending: TaskError | None = error
        while pending is not None:
            try:
                self._raise(pending)
                pending = None
            except TaskError as another:
                pending = another

    def _raise(self, error: TaskError) -> None:
        activity = error.activity
        if activity is None:
            self.end(Status.FAULTED, error=error.problem)
            return
        if activity.frame >= 0:
            self.cancel_below(activity.frame, "a task around the step has failed")
            self.withdraw(self.frames.pop(activity.frame), "the task has failed")
        self.note(activity.task, Phase.TASK_FAULTED, activity.iteration, error.problem)
        self._climb(activity.parent, error.problem)

    def _climb(self, frame_id: int, problem: Problem) -> None:
        while frame_id >= 0:
            frame = self.frames[frame_id]
            self.cancel_below(frame_id, "another branch has failed")
            if type(frame) is TryFrame and constructs.catches(self, frame, problem):
                return
            del self.frames[frame_id]
            self.note(self.graph.tasks[frame.task], Phase.TASK_FAULTED)
            frame_id = frame.parent
        self.end(Status.FAULTED, error=problem)

    # The end

    def _finish(self, output: Json) -> None:
        if self.graph.output is not NOTHING:
            output = shape_output(self, self.graph.output, output, "/output")
        self.end(Status.COMPLETED, output=output)

    def _end_gracefully(self, frame_id: int, output: Json) -> None:
        around: list[int] = []
        while frame_id >= 0:
            around.append(frame_id)
            frame_id = self.frames[frame_id].parent
        self._cancel(sorted(self.frames.keys() - around, reverse=True), "the workflow has ended")
        for ended in around:
            self.note(self.graph.tasks[self.frames.pop(ended).task], Phase.TASK_COMPLETED)
        self._finish(output)

    def end(self, status: Status, output: Json = None, error: Problem | None = None, data: Json = None) -> None:
        """The instance has ended; `data` is what history tells instead of output or error."""
        self.cancel_below(-1, "the instance has ended")
        self._agenda.clear()
        body = encode(output, "/output", self.limits) if status is Status.COMPLETED else None
        told = body if body is not None else Payload.inside(dumps(error if data is None else data))
        self.transitions.append(Transition("", 0, 0, ENDINGS[status], told))
        graph, instance = self.graph, self.instance
        self.outcome = Outcome(
            self.instance_id, graph.name, graph.version, graph.digest, status, body, error, instance.business_key,
            instance.source, instance.event_id, instance.started_at_ms, self.now_ms,
        )  # fmt: skip

    # History and limits

    def note(self, task: Task, phase: Phase, iteration: int = 0, data: Json = None) -> None:
        """Writes history. Lists that only hold the body of a task, and the root, are no tasks to people."""
        if type(task) is Do and (task.parent < 0 or type(self.graph.tasks[task.parent]) in _BODY_HOLDERS):
            return
        raw = None if data is None else Payload.inside(dumps(data))
        self.transitions.append(Transition(task.pointer, iteration, 0, phase, raw))

    def _count_start(self, task: Task) -> None:
        self._starts += 1
        if self._starts > self.limits.task_starts_per_step:
            text = f"more than {self.limits.task_starts_per_step} task starts without waiting, in one engine step"
            raise LimitExceededError(text, task.pointer)

    def count_iteration(self, task: Task) -> None:
        """Counts against the limit of loop iterations."""
        self._iterations += 1
        if self._iterations > self.limits.loop_iterations_per_step:
            text = f"more than {self.limits.loop_iterations_per_step} loop iterations in one engine step"
            raise LimitExceededError(text, task.pointer)

    def _next_iteration(self, index: int) -> int:
        if self.entries is self.instance.entries:
            self.entries = self.entries.copy()
        iteration = self.entries.get(index, 0)
        self.entries[index] = iteration + 1
        return iteration


_BODY_HOLDERS = (For, Try)

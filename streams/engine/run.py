"""One engine step in progress: how control moves through the tree of tasks.

Control *enters* a task with data (its raw input); the task's construct (`constructs`) says what it does: it has an
output at once, or it opens a frame and waits, or it opens a frame and has other tasks entered below it. A task that
has an output *leaves* to its next sibling, or to its parent. A task that fails raises `TaskError`, which travels up
the frames until a `try` takes it. Where none does and there are people who mend, the task becomes an incident and waits
for them (`repair`); an error that the definition itself raises ends the instance, and so does any where nobody mends.

Tasks to be entered stand on an agenda, a stack, so a loop of thousands of tasks needs no recursion and branches of a
fork are entered one after the other in the order of declaration, each running on until it waits. An entry whose
parent has been closed in the meantime is dropped.

What the specification leaves open and is decided here:

- A skipped task has no `then`: the flow goes on with the next task.
- `exit` in the body of a loop ends that iteration; the loop goes on.
- `end` anywhere ends the workflow with the output of that task: `output` of the enclosing tasks is not applied, that
  of the workflow is; enclosing tasks count as completed, other branches of a fork are cancelled.
- A task's `timeout` is evaluated once, on its transformed input. Time is that of records: a result counts if its record
  is from before every timeout around its step, whether or not a `TimerFired` has come (`timers`).
- A branch of a fork sees the context of the fork until it exports one of its own (`constructs.fork` tells what join
  does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from orjson import dumps

from schemas.lifecycle import Phase, Status
from schemas.payload import Json, Payload
from schemas.steps import Problem
from streams.engine import ledger
from streams.engine.activity import Activity, Stage
from streams.engine.contexts import replace_context
from streams.engine.data import encode, evaluate, shape_context, shape_input, shape_output
from streams.engine.errors import TaskError, for_people, without_body
from streams.engine.incident import incident
from streams.engine.lifecycle import ENDINGS
from streams.engine.limits import LimitExceededError, Limits
from streams.engine.messages import Outcome, Transition
from streams.engine.state import Frame, IncidentFrame, Instance, UndoFrame
from streams.engine.tree import FrameTable, Tree
from streams.language.graph import NOTHING, Directive, Flow, Graph, Task

OneFrame = TypeVar("OneFrame", bound=Frame)

_ON = Flow()


class Ending(NamedTuple):
    """How an instance ends; `data` is what history tells instead of output or error."""

    status: Status
    output: Json = None
    error: Problem | None = None
    data: Json = None
    gives_up: bool = False  # what was done is undone, also where it completes


class Undo(Protocol):
    """Has what was done undone before an instance ends: gives how it ends now, None where it ends later."""

    def __call__(self, run: Run, ending: Ending, /, *, undo: bool) -> Ending | None:
        """`undo`: whether anything is to be undone at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What each kind of task does; computed from the list of constructs, and given to every run."""

    start: Mapping[type[Task], Callable[[Run, Any, Activity], None]]
    numbered: frozenset[type[Task]]  # each entry into them has a number
    child_ended: Mapping[type[Frame], Callable[[Run, Any, Any, Task, Json, Flow], None]]
    matches: Mapping[type[Frame], Callable[[Run, Any, Any, Problem], bool]]
    takes: Mapping[type[Frame], Callable[[Run, Any, Any, Problem], None]]
    undo: Undo
    of_frames: FrameTable


class Run(Tree):
    """One step of one instance: the tree of its frames, and how control moves over it."""

    __slots__ = ("_agenda", "_iterations", "_starts", "_table", "ended_iteration", "mends", "outcome")

    def __init__(
        self, graph: Graph, instance: Instance[Frame], instance_id: str, now_ms: int, limits: Limits, table: Table
    ) -> None:
        Tree.__init__(self, graph, instance, instance_id, now_ms, limits, table.of_frames)
        self.outcome: Outcome | None = None
        self.mends = limits.incidents and not graph.faults
        self._table = table
        self._agenda: list[tuple[int, int, Json, int]] = []
        self._starts = 0
        self._iterations = 0
        self.ended_iteration = 0  # of the task that has an output or an error

    # Entering and leaving

    def defer(self, task: int, parent: int, data: Json, iteration: int = -1) -> None:
        """Has a task entered as soon as what is going on has come to rest; as the iteration that it was given before,
        if any."""
        self._agenda.append((task, parent, data, iteration))

    def drain(self) -> None:
        """Enters what is on the agenda until every branch waits or the instance has ended."""
        agenda = self._agenda
        while agenda:
            task, parent, data, iteration = agenda.pop()
            if parent < 0 or parent in self.frames:
                try:
                    self._enter(task, parent, data, iteration)
                except TaskError as error:
                    self._settle(error)

    def drop_agenda(self) -> None:
        """Nothing that was to be entered is."""
        self._agenda.clear()

    def settled(self, do: Callable[..., None], *args: Any) -> None:
        """Does something that may fail as a task; the failure goes where it belongs."""
        try:
            do(*args)
        except TaskError as error:
            self._settle(error)

    def _enter(self, index: int, parent: int, raw: Json, iteration: int) -> None:
        task = self.graph.tasks[index]
        self._starts += 1
        if self._starts > self.limits.task_starts_per_step:
            text = f"more than {self.limits.task_starts_per_step} task starts without waiting, in one engine step"
            raise LimitExceededError(text, task.pointer)
        activity = Activity(task, parent, raw, raw, self.now_ms)
        if task.condition is not None and not evaluate(self, task.condition, raw, activity):
            self.note(task, Phase.TASK_SKIPPED)
            self.leave(task, parent, raw, _ON)
            return
        kind = type(task)
        if kind in self._table.numbered:
            activity.iteration = iteration if iteration >= 0 else self.next_iteration(index)
        self.note(task, Phase.TASK_STARTED, activity.iteration, activity.attempt)
        self.begin(activity)

    def begin(self, activity: Activity) -> None:
        """The task's work begins, for the first time or, after an incident, once more."""
        task = activity.task
        activity.stage = Stage.BEGUN
        if task.input is not NOTHING:
            activity.input = shape_input(self, task.input, activity.raw, activity)
        self._table.start[type(task)](self, task, activity)

    def complete(self, activity: Activity, output: Json, flow: Flow | None = None, data: Json = None) -> None:
        """The task has its raw output; `data` is for history."""
        task = activity.task
        activity.stage, activity.raw_output, activity.flow = Stage.ENDED, output, flow
        if task.output is not NOTHING:
            output = shape_output(self, task.output, output, activity)
        if task.export is not NOTHING:
            activity.output = output
            replace_context(self, task.index, activity.parent, shape_context(self, activity))
        self.note(task, Phase.TASK_COMPLETED, activity.iteration, activity.attempt, data)
        self.ended_iteration = activity.iteration
        self.leave(task, activity.parent, output, flow or task.then)

    def leave(self, task: Task, parent_id: int, output: Json, flow: Flow) -> None:
        """Control goes on from an ended task: to a sibling, to its parent, or to the end of the workflow."""
        if parent_id < 0:
            self._finish(output)
            return
        if flow.directive is Directive.END:
            self._end_gracefully(parent_id, output, task)
            return
        parent = self.frames[parent_id]
        self._table.child_ended[type(parent)](self, parent, self.graph.tasks[parent.task], task, output, flow)

    def open(self, kind: type[OneFrame], activity: Activity, keep_input: bool = False) -> OneFrame:
        """A new frame for a task that stays open; its `timeout` begins to count.

        Its input is kept where something will read it, and where the task may have to be done again.
        """
        task = activity.task
        expires_ms = 0
        if task.timeout is not None:
            expires_ms = self.now_ms + evaluate(self, task.timeout, activity.input, activity)
        if len(self.frames) >= self.limits.frames:
            raise LimitExceededError(f"more than {self.limits.frames} tasks open at the same time", task.pointer)
        kept: tuple[Json, ...] = ()
        again = self.mends and (keep_input or expires_ms > 0 or type(task) in self._table.numbered)
        if task.keeps_input or again:
            kept = (activity.input,) if activity.raw is activity.input else (activity.input, activity.raw)
        elif keep_input:
            kept = (activity.input,)
        for value in kept:
            self.keep(value)
        frame = kind(self.next_frame, task.index, activity.parent, activity.started_ms, expires_ms, kept)
        return self._add(frame, activity)

    def _add(self, frame: OneFrame, activity: Activity) -> OneFrame:
        self.next_frame += 1
        self.frames[frame.id] = frame
        activity.frame = frame.id
        activity.expires_ms = frame.expires_ms
        return frame

    def open_around(self, kind: type[OneFrame], activity: Activity, keep_input: bool = False) -> OneFrame:
        """A new frame for a task with tasks inside, which may be nested only so deep."""
        if self.depth(activity.parent) >= self.limits.nesting:
            raise LimitExceededError(f"tasks nested deeper than {self.limits.nesting}", activity.task.pointer)
        return self.open(kind, activity, keep_input)

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
            self.withdraw(self.frames[activity.frame], "the task has failed")
        known = activity.whole or activity.stage is Stage.ENDED
        if self.mends and known and not error.meant and not self._is_caught(activity.parent, error.problem):
            self.wait_for_people(activity, error.problem)
            return
        ledger.note_doubt(self, activity, activity.task, error.problem)
        self.note(activity.task, Phase.TASK_FAULTED, activity.iteration, activity.attempt, without_body(error.problem))
        self.ended_iteration = activity.iteration
        self._climb(activity.parent, error.problem)

    def _is_caught(self, frame_id: int, problem: Problem) -> bool:
        """Whether a `try` around takes the error. A condition that fails itself is an error on the way up, so yes."""
        try:
            while frame_id >= 0:
                frame = self.frames[frame_id]
                if type(frame) is UndoFrame:
                    return False
                matches = self._table.matches.get(type(frame))
                if matches is not None and matches(self, frame, self.graph.tasks[frame.task], problem):
                    return True
                frame_id = frame.parent
        except TaskError:
            return True
        return False

    def _climb(self, frame_id: int, problem: Problem) -> None:
        while frame_id >= 0:
            frame = self.frames[frame_id]
            task = self.graph.tasks[frame.task]
            matches = self._table.matches.get(type(frame))
            if matches is not None and matches(self, frame, task, problem):
                self._table.takes[type(frame)](self, frame, task, problem)
                return
            self.cancel_below(frame_id, "another branch has failed")
            self.withdraw(frame, "a task in it has failed")
            self.note(task, Phase.TASK_FAULTED)
            frame_id = frame.parent
        self.end(Status.FAULTED, error=problem)

    def wait_for_people(self, activity: Activity, problem: Problem) -> None:
        """An incident takes the place of the failed task; all else goes on."""
        task, problem = activity.task, for_people(problem)
        ended = activity.stage is Stage.ENDED
        kept = () if not activity.whole else (activity.input, activity.raw)
        output = (activity.raw_output,) if ended else ()
        for value in (*kept, *output):
            self.keep(value)
        flow = activity.flow if ended else None
        frame = IncidentFrame(
            self.next_frame, task.index, activity.parent, activity.started_ms, activity.expires_ms, kept,
            activity.iteration, activity.attempt, activity.key, problem, self.now_ms,
            activity.stage is not Stage.ENTERED, output, None if flow is None else (flow.directive.value, flow.target),
        )  # fmt: skip
        self._add(frame, activity)
        self.note(task, Phase.INCIDENT_OPENED, frame.iteration, frame.attempt, problem)
        self.incidents.append(incident(self, frame, "open"))

    # The end

    def _finish(self, output: Json, last: Task | None = None) -> None:
        if self.graph.output is not NOTHING:
            output = shape_output(self, self.graph.output, output, "/output")
        self.end(Status.COMPLETED, output=output, gives_up=last is not None and last.gives_up)

    def _end_gracefully(self, frame_id: int, output: Json, last: Task) -> None:
        around: list[int] = []
        while frame_id >= 0:
            around.append(frame_id)
            frame_id = self.frames[frame_id].parent
        self.cancel(self.frames.keys() - around, "the workflow has ended")
        for ended in around:
            frame = self.frames[ended]
            self.withdraw(frame, "the workflow has ended")
            self.note(self.graph.tasks[frame.task], Phase.TASK_COMPLETED)
        self._finish(output, last)

    def end(
        self,
        status: Status,
        output: Json = None,
        error: Problem | None = None,
        data: Json = None,
        *,
        undo: bool = True,
        gives_up: bool = False,
    ) -> None:
        """The instance ends, behind all that is to be undone; `data` is what history tells instead of output or
        error."""
        ending: Ending | None = Ending(status, output, None if error is None else for_people(error), data, gives_up)
        if self.graph.undoes:
            ending = self._table.undo(self, ending, undo=undo)  # type: ignore[arg-type]  # as made a line before
        if ending is not None:
            self.ended(ending)

    def ended(self, ending: Ending) -> None:
        """The instance has ended."""
        status, output, error, data, _ = ending
        self.cancel_below(-1, "the instance has ended")
        self._agenda.clear()
        body = encode(output, "/output", self.limits) if status is Status.COMPLETED else None
        told = body if body is not None else Payload.inside(dumps(error if data is None else data))
        self.told_bytes += len(told.raw)
        self.transitions.append(Transition("", 0, 0, ENDINGS[status], told))
        graph, instance = self.graph, self.instance
        self.outcome = Outcome(
            self.instance_id, graph.name, graph.version, graph.digest, status, body, error, instance.business_key,
            instance.source, instance.event_id, instance.started_at_ms, self.now_ms, *self._undone(status),
        )  # fmt: skip

    def _undone(self, status: Status) -> tuple[list[str] | None, list[str] | None]:
        """The steps that were undone, and those that stand though the instance has come to nothing."""
        if self.ledger is None:
            return None, None
        left = [] if status is Status.COMPLETED else [self.graph.tasks[each.task].pointer for each in self.ledger.done]
        return self.ledger.undone or None, [*self.ledger.standing, *left] or None

    # Limits

    def count_iteration(self, task: Task) -> None:
        """Counts against the limit of loop iterations."""
        self._iterations += 1
        if self._iterations > self.limits.loop_iterations_per_step:
            text = f"more than {self.limits.loop_iterations_per_step} loop iterations in one engine step"
            raise LimitExceededError(text, task.pointer)

    def next_iteration(self, index: int) -> int:
        """The number of one more entry into a task."""
        if self.entries is self.instance.entries:
            self.entries = self.entries.copy()
        iteration = self.entries.get(index, 0)
        self.entries[index] = iteration + 1
        return iteration

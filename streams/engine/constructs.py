"""What each kind of task does when control enters it, and when a task below it has ended: two tables, one row for
each kind.

To add a construct: a task in `streams.language.graph`, a frame in `state` if it stays open, and its rows here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from schemas import problems
from schemas.payload import Json
from schemas.steps import Problem
from streams.engine import errors
from streams.engine.contexts import join_contexts, position
from streams.engine.data import encode, evaluate
from streams.engine.errors import TaskError
from streams.engine.limits import LimitExceededError
from streams.engine.messages import StepCommand
from streams.engine.state import ForkFrame, ListFrame, LoopFrame, StepFrame, TryFrame, WaitFrame
from streams.language.graph import Call, Case, Do, For, Fork, Raise, Set, Switch, Task, Try, Wait

if TYPE_CHECKING:
    from streams.engine.activity import Activity
    from streams.engine.run import Run


def _start_do(run: Run, activity: Activity) -> None:
    do: Do = activity.task  # type: ignore[assignment]
    if do.first < 0:
        run.complete(activity, activity.input)
        return
    frame = _open_composite(run, ListFrame, activity)
    run.defer(do.first, frame.id, activity.input)


def _start_set(run: Run, activity: Activity) -> None:
    task: Set = activity.task  # type: ignore[assignment]
    run.complete(activity, evaluate(run, task.value, activity.input, activity))


def _start_switch(run: Run, activity: Activity) -> None:
    case = _chosen(run, activity)
    if case is None:
        run.complete(activity, activity.input)
    else:
        run.complete(activity, activity.input, case.then, {"case": case.name})


def _chosen(run: Run, activity: Activity) -> Case | None:
    """The first case that matches, wherever the default stands; else the default."""
    switch: Switch = activity.task  # type: ignore[assignment]
    default = None
    for case in switch.cases:
        if case.when is None:
            default = default or case
        elif evaluate(run, case.when, activity.input, activity):
            return case
    return default


def _start_raise(run: Run, activity: Activity) -> None:
    task: Raise = activity.task  # type: ignore[assignment]
    error = errors.raised(evaluate(run, task.error, activity.input, activity), task.pointer)
    if isinstance(error, str):
        raise errors.failed(activity, problems.CONFIGURATION, f"`raise` describes no error: {error}")
    raise TaskError(activity, error)


def _start_wait(run: Run, activity: Activity) -> None:
    task: Wait = activity.task  # type: ignore[assignment]
    duration_ms = evaluate(run, task.duration, activity.input, activity)
    if duration_ms <= 0:
        run.complete(activity, activity.input)
        return
    frame: WaitFrame = run.open(WaitFrame, activity, keep_input=True)
    frame.due_ms = run.now_ms + duration_ms


def _start_call(run: Run, activity: Activity) -> None:
    task: Call = activity.task  # type: ignore[assignment]
    arguments = encode(evaluate(run, task.arguments, activity.input, activity), activity, run.limits)
    frame: StepFrame = run.open(StepFrame, activity)
    frame.iteration = activity.iteration
    graph = run.graph
    run.issued[frame.id] = StepCommand(
        run.instance_id, task.pointer, activity.iteration, 0, task.function, arguments, run.deadline_ms(frame.id),
        graph.name, graph.version, graph.digest, task.effect, run.instance.business_key,
    )  # fmt: skip


# Loops


def _start_for(run: Run, activity: Activity) -> None:
    loop: For = activity.task  # type: ignore[assignment]
    items: list[Json] = evaluate(run, loop.items, activity.input, activity)
    frame: LoopFrame = _open_composite(run, LoopFrame, activity, keep_input=loop.condition_while is not None)
    frame.remaining = items[::-1]
    _iterate(run, frame, loop, activity.input)


def _iteration_ended(run: Run, frame: LoopFrame, _: Task, output: Json) -> None:
    loop: For = run.graph.tasks[frame.task]  # type: ignore[assignment]
    _iterate(run, frame, loop, output)


def _iterate(run: Run, frame: LoopFrame, loop: For, data: Json) -> None:
    """Begins the next iteration, with the output of the last as its input, or ends the loop."""
    if not frame.remaining:
        run.complete(run.close(frame), data)
        return
    run.count_iteration(loop)
    frame.item = frame.remaining.pop()
    frame.index += 1
    goes_on = loop.condition_while is None or evaluate(
        run, loop.condition_while, data, run.activity(frame), scope=frame.id
    )
    if goes_on:
        run.defer(loop.body, frame.id, data)
    else:
        run.complete(run.close(frame), data)


# Branches


def _start_fork(run: Run, activity: Activity) -> None:
    fork: Fork = activity.task  # type: ignore[assignment]
    if not fork.branches:
        run.complete(activity, [])
        return
    frame: ForkFrame = _open_composite(run, ForkFrame, activity)
    frame.waiting = len(fork.branches)
    frame.results = [None] * frame.waiting
    frame.exports = {}
    for branch in reversed(fork.branches):  # the agenda is a stack
        run.defer(branch, frame.id, activity.input)


def _branch_ended(run: Run, frame: ForkFrame, branch: Task, output: Json) -> None:
    frame.results[position(run, frame, branch.index)] = output
    frame.waiting -= 1
    if not frame.waiting:
        join_contexts(run, frame)
        run.complete(run.close(frame), frame.results)


# Errors


def _start_try(run: Run, activity: Activity) -> None:
    attempt: Try = activity.task  # type: ignore[assignment]
    frame = _open_composite(run, TryFrame, activity, keep_input=True)
    run.defer(attempt.body, frame.id, activity.input)


def _try_ended(run: Run, frame: TryFrame, _: Task, output: Json) -> None:
    run.complete(run.close(frame), output)


def catches(run: Run, frame: TryFrame, problem: Problem) -> bool:
    """Takes the error if the `catch` matches it: the handler is next. An error of the handler is not caught.

    `when` and `exceptWhen` read the input of the `try` as their data, and the error as the variable that `as` names.
    """
    attempt: Try = run.graph.tasks[frame.task]  # type: ignore[assignment]
    if frame.error is not None or not errors.matches(attempt.errors, problem):
        return False
    frame.error = problem
    activity = run.activity(frame)
    if attempt.when is not None and not evaluate(run, attempt.when, activity.input, activity, frame.id):
        return False
    if attempt.except_when is not None and evaluate(run, attempt.except_when, activity.input, activity, frame.id):
        return False
    if attempt.handler < 0:
        run.complete(run.close(frame), activity.input)
    else:
        run.defer(attempt.handler, frame.id, activity.input)
    return True


def _open_composite(run: Run, kind: type[Any], activity: Activity, keep_input: bool = False) -> Any:
    depth, parent = 1, activity.parent
    while parent >= 0:
        depth, parent = depth + 1, run.frames[parent].parent
    if depth > run.limits.nesting:
        raise LimitExceededError(f"tasks nested deeper than {run.limits.nesting}", activity.task.pointer)
    return run.open(kind, activity, keep_input)


START: Mapping[type[Task], Callable[[Run, Activity], None]] = {
    Do: _start_do,
    Set: _start_set,
    Switch: _start_switch,
    For: _start_for,
    Fork: _start_fork,
    Try: _start_try,
    Raise: _start_raise,
    Wait: _start_wait,
    Call: _start_call,
}

CHILD_ENDED: Mapping[type[Any], Callable[[Run, Any, Task, Json], None]] = {
    LoopFrame: _iteration_ended,
    ForkFrame: _branch_ended,
    TryFrame: _try_ended,
}

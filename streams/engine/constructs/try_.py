"""`try`: a list of tasks, and what becomes of an error in it."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from schemas import problems
from schemas.payload import Json
from schemas.steps import Problem
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.errors import BODY
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.engine.undo import begin_inside
from streams.language.constructs.try_ import ErrorFilter, Try
from streams.language.graph import Flow, Task


class TryFrame(Frame, tag=3):
    """A `try`: the error while what was done is undone and its handler runs, else None."""

    error: dict[str, Json] | None = None
    undoing: bool = False


def _start(run: Run, attempt: Try, activity: Activity) -> None:
    frame = run.open_around(TryFrame, activity, keep_input=True)
    run.defer(attempt.body, frame.id, activity.input)


def _child_ended(run: Run, frame: TryFrame, attempt: Try, body: Task, output: Json, flow: Flow) -> None:
    if frame.undoing:
        frame.undoing = False
        _handle(run, frame, attempt)
    else:
        run.complete(run.close(frame), output, None if frame.error is None else attempt.caught)


def _matches(run: Run, frame: TryFrame, attempt: Try, problem: Problem) -> bool:
    """Whether the `catch` matches the error. An error of the handler is not caught.

    `when` and `exceptWhen` read the input of the `try` as their data, and the error as the variable that `as` names.
    """
    if frame.error is not None or not matches(attempt.errors, problem):
        return False
    activity = run.activity(frame)
    frame.error = problem
    try:
        if attempt.when is not None and not evaluate(run, attempt.when, activity.input, activity, frame.id):
            return False
        return attempt.except_when is None or not evaluate(run, attempt.except_when, activity.input, activity, frame.id)
    finally:
        frame.error = None


def _takes(run: Run, frame: TryFrame, attempt: Try, problem: Problem) -> None:
    """The handler is next, behind the undoing of what was done."""
    frame.error = problem
    if BODY in problem:
        run.keep(problem)
    if attempt.compensates and begin_inside(run, frame, attempt):
        frame.undoing = True
    else:
        _handle(run, frame, attempt)


def _handle(run: Run, frame: TryFrame, attempt: Try) -> None:
    activity = run.activity(frame)
    if attempt.handler < 0:
        run.complete(run.close(frame), activity.input, attempt.caught)
    else:
        run.defer(attempt.handler, frame.id, activity.input)


def matches(wanted: ErrorFilter, error: Problem) -> bool:
    """Whether `catch.errors.with` lets the error through; the URI of a type may be of any family."""
    if wanted.type is not None and problems.canonical(wanted.type) != problems.canonical(str(error.get("type"))):
        return False
    pairs = (
        (wanted.status, "status"),
        (wanted.title, "title"),
        (wanted.detail, "detail"),
        (wanted.instance, "instance"),
    )
    return all(value is None or value == error.get(name) for value, name in pairs)


def _binds(frame: TryFrame, attempt: Try) -> Mapping[str, Json]:
    return {} if frame.error is None else {attempt.bind: frame.error}


TRY = Construct(
    task=Try,
    start=_start,
    frame=TryFrame,
    child_ended=_child_ended,
    matches=_matches,
    takes=_takes,
    copy=copy.copy,
    binds=_binds,
)

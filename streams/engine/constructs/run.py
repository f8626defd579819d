"""`run`: a step like every call; its processor starts the other instance, whose outcome is the answer."""

from __future__ import annotations

from schemas import ids, problems
from schemas.reasons import Reason
from streams.engine import errors
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.constructs.call import StepFrame, ask
from streams.engine.data import evaluate
from streams.engine.run import Run
from streams.language.constructs.run import Run as RunTask


def _start(run: Run, task: RunTask, activity: Activity) -> None:
    depth = ids.depth_of(run.instance.source) + 1
    if depth > run.limits.children:
        detail = f"Instances would start each other more than {run.limits.children} deep; that is the limit."
        problem = errors.problem(problems.RUNTIME, detail, task.pointer, Reason.LIMIT_EXCEEDED)
        raise errors.TaskError(activity, problem)
    ask(run, task, activity, {**evaluate(run, task.arguments, activity.input, activity), "depth": depth})


RUN: Construct[RunTask, StepFrame] = Construct(task=RunTask, start=_start, numbered=True)  # and the call's frame

"""`call` of a function of the definition: the task that it stands for, with what it is given as its input."""

from __future__ import annotations

from schemas.payload import Json
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.language.constructs.defined import Defined
from streams.language.graph import Flow, Task


class DefinedFrame(Frame, tag=8):
    """A call of a function of the definition: open until the function's task has ended."""


def _start(run: Run, task: Defined, activity: Activity) -> None:
    data = activity.input
    if task.arguments is not None:
        data = evaluate(run, task.arguments, activity.input, activity)
    frame = run.open_around(DefinedFrame, activity)
    run.defer(task.body, frame.id, data)


def _child_ended(run: Run, frame: DefinedFrame, task: Defined, body: Task, output: Json, flow: Flow) -> None:
    run.complete(run.close(frame), output)


DEFINED = Construct(task=Defined, start=_start, frame=DefinedFrame, child_ended=_child_ended)

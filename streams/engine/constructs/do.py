"""`do`: the tasks of a list, one after the other; the output of one is the input of the next."""

from __future__ import annotations

from schemas.payload import Json
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.language.constructs.do import Do
from streams.language.graph import Directive, Flow, Task


class ListFrame(Frame, tag=0):
    """A `do`: where it stands is known from its child."""


def _start(run: Run, do: Do, activity: Activity) -> None:
    if do.first < 0:
        run.complete(activity, activity.input)
        return
    frame = run.open_around(ListFrame, activity)
    run.defer(do.first, frame.id, activity.input)


def _child_ended(run: Run, frame: ListFrame, do: Do, child: Task, output: Json, flow: Flow) -> None:
    target = child.next if flow.directive is Directive.CONTINUE else flow.target
    if target >= 0 and flow.directive is not Directive.EXIT:
        run.defer(target, frame.id, output)
    else:
        run.complete(run.close(frame), output)


DO = Construct(task=Do, start=_start, frame=ListFrame, child_ended=_child_ended)

"""`wait`: nothing until a time has passed. It costs nothing while it waits."""

from __future__ import annotations

from streams.engine.activity import Activity
from streams.engine.construct import Construct, Due
from streams.engine.data import evaluate
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.language.constructs.wait import Wait


class WaitFrame(Frame, tag=5):
    """A `wait`: ends at `due_ms`."""

    due_ms: int = 0


def _start(run: Run, task: Wait, activity: Activity) -> None:
    duration_ms = evaluate(run, task.duration, activity.input, activity)
    if duration_ms <= 0:
        run.complete(activity, activity.input)
        return
    frame = run.open(WaitFrame, activity, keep_input=True)
    frame.due_ms = run.now_ms + duration_ms if task.calendar is None else task.calendar.after(run.now_ms, duration_ms)


def _over(run: Run, frame: WaitFrame, task: Wait) -> None:
    activity = run.close(frame)
    run.complete(activity, activity.input)


WAIT = Construct(task=Wait, start=_start, frame=WaitFrame, due=Due(at_ms=lambda frame: frame.due_ms, fire=_over))

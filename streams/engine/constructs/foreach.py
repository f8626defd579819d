"""`foreach` of a `listen`: a list of tasks for each event that is taken, in the order in which the events came.

An event that comes while the tasks of another are under way is taken and waits in the frame, so it counts once like any
other; the next one begins when those tasks have ended. The task ends when nothing is listened for any more and the last
of them has. A body that fails takes the waits back with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.payload import Json
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.constructs.listen import ListenFrame, copied, listen, take, withdraw
from streams.engine.messages import EventReceived
from streams.engine.run import Run
from streams.language.constructs.foreach import Foreach
from streams.language.graph import Flow, Task


class ForeachFrame(ListenFrame, tag=9):
    """A `listen` with `foreach`: the event whose tasks are under way, those that wait, and what was given so far."""

    queue: list[Json] = msgspec.field(default_factory=list)
    outputs: list[Json] = msgspec.field(default_factory=list)
    item: Json = None
    index: int = -1
    busy: bool = False


def _start(run: Run, task: Foreach, activity: Activity) -> None:
    listen(run, task, activity, ForeachFrame)


def _received(run: Run, frame: ForeachFrame, task: Foreach, event: EventReceived) -> None:
    taken = take(run, frame, task, event)
    if taken is None:
        return
    number, value = taken
    if number < task.wanted:
        frame.queue.append(value)
    if task.forever or not task.until or task.until[0].condition is None:
        frame.events.clear()  # nothing reads them again
    if not frame.busy:
        _go_on(run, frame, task)


def _child_ended(run: Run, frame: ForeachFrame, task: Foreach, body: Task, output: Json, flow: Flow) -> None:
    frame.busy = False
    if not task.forever:
        run.keep(output)
        frame.outputs.append(output)
    _go_on(run, frame, task)


def _go_on(run: Run, frame: ForeachFrame, task: Foreach) -> None:
    """Begins with the next event, or ends behind the last."""
    if frame.queue:
        run.count_iteration(task)
        frame.item, frame.busy = frame.queue.pop(0), True
        frame.index += 1
        run.defer(task.body, frame.id, run.activity(frame).input)
    elif not any(frame.keys):
        run.weigh(frame.outputs, task.pointer)
        run.complete(run.close(frame), frame.outputs)


def _copy(frame: ForeachFrame) -> ForeachFrame:
    twin = copied(frame)
    twin.queue, twin.outputs = frame.queue.copy(), frame.outputs.copy()
    return twin


def _binds(frame: ForeachFrame, task: Foreach) -> Mapping[str, Json]:
    return {task.each: frame.item, task.at: frame.index}


FOREACH = Construct(
    task=Foreach,
    start=_start,
    numbered=True,
    frame=ForeachFrame,
    child_ended=_child_ended,
    received=_received,
    copy=_copy,
    withdraw=withdraw,
    binds=_binds,
)

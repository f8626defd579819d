"""`for`: a list of tasks for each element; the output of one iteration is the input of the next."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import msgspec

from schemas.payload import Json
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.language.constructs.for_ import For
from streams.language.graph import Flow, Task


class LoopFrame(Frame, tag=1):
    """A `for`: the current item, its number, and the items to come, the next one last."""

    item: Json = None
    index: int = -1
    remaining: list[Json] = msgspec.field(default_factory=list)


def _start(run: Run, loop: For, activity: Activity) -> None:
    items: list[Json] = evaluate(run, loop.items, activity.input, activity)
    frame = run.open_around(LoopFrame, activity, keep_input=loop.condition_while is not None)
    run.keep(items)
    frame.remaining = items[::-1]
    _iterate(run, frame, loop, activity.input)


def _child_ended(run: Run, frame: LoopFrame, loop: For, body: Task, output: Json, flow: Flow) -> None:
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


def _copy(frame: LoopFrame) -> LoopFrame:
    twin = copy.copy(frame)
    twin.remaining = frame.remaining.copy()
    return twin


def _binds(frame: LoopFrame, loop: For) -> Mapping[str, Json]:
    return {loop.each: frame.item, loop.at: frame.index}


FOR = Construct(task=For, start=_start, frame=LoopFrame, child_ended=_child_ended, copy=_copy, binds=_binds)

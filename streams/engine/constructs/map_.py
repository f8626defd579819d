"""`call: map`: a `run` below the task for each element, so many of them open at a time.

An element is known by the iteration of its `run`, which it is given when its turn comes: another map of the same task
may be open beside (in an undo that was cut loose), and take the next one. So an element that waits for people, or is
done again, keeps its place in the output. What its workflow is given is worked out when its turn comes, too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import msgspec

from schemas import problems
from schemas.payload import Json
from schemas.reasons import Reason
from schemas.steps import Problem
from streams.engine import errors
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.language.constructs.map_ import MAX_ELEMENTS, Map
from streams.language.graph import Flow, Task


class MapFrame(Frame, tag=7):
    """A `map`: the elements to come, the next one last, and what has come of those before."""

    places: dict[int, int] = msgspec.field(default_factory=dict)  # of open elements, by iteration
    index: int = -1  # of the last that was begun
    item: Json = None  # and that itself
    remaining: list[Json] = msgspec.field(default_factory=list)
    results: list[Json] = msgspec.field(default_factory=list)


def _start(run: Run, task: Map, activity: Activity) -> None:
    items: list[Json] = evaluate(run, task.items, activity.input, activity)
    if len(items) > MAX_ELEMENTS:
        detail = f"A `map` takes {MAX_ELEMENTS} elements at most; these are {len(items)}."
        problem = errors.problem(problems.RUNTIME, detail, task.pointer, Reason.LIMIT_EXCEEDED)
        raise errors.TaskError(activity, problem)
    if not items:
        run.complete(activity, [])
        return
    frame = run.open_around(MapFrame, activity, keep_input=True)
    run.keep(items)
    frame.remaining = items[::-1]
    frame.results = [None] * len(items)
    _go_on(run, frame, task)


def _go_on(run: Run, frame: MapFrame, task: Map) -> None:
    """Begins as many as may be open, or ends with what all have given."""
    activity = run.activity(frame)
    begun: list[tuple[Json, int]] = []
    while frame.remaining and len(frame.places) < task.at_a_time:
        frame.item = frame.remaining.pop()
        frame.index += 1
        element = evaluate(run, task.element, activity.input, activity, scope=frame.id)
        iteration = run.next_iteration(task.body)
        frame.places[iteration] = frame.index
        begun.append((element, iteration))
    for element, iteration in reversed(begun):  # the agenda is a stack
        run.defer(task.body, frame.id, element, iteration)
    if not frame.places:
        run.weigh(frame.results, task.pointer)
        run.complete(run.close(frame), frame.results)


def _child_ended(run: Run, frame: MapFrame, task: Map, body: Task, output: Json, flow: Flow) -> None:
    _came(run, frame, task, {"output": output} if task.collects else output)


def _collects(run: Run, frame: MapFrame, task: Map, problem: Problem) -> bool:
    """Whether what fails is part of the output."""
    return task.collects


def _collected(run: Run, frame: MapFrame, task: Map, problem: Problem) -> None:
    _came(run, frame, task, {"error": errors.for_people(problem)})


def _came(run: Run, frame: MapFrame, task: Map, result: Json) -> None:
    run.keep(result)
    frame.results[frame.places.pop(run.ended_iteration)] = result
    _go_on(run, frame, task)


def _copy(frame: MapFrame) -> MapFrame:
    twin = copy.copy(frame)
    twin.places = frame.places.copy()
    twin.remaining = frame.remaining.copy()
    twin.results = frame.results.copy()
    return twin


def _binds(frame: MapFrame, task: Map) -> Mapping[str, Json]:
    return {task.each: frame.item, task.at: frame.index}


MAP = Construct(
    task=Map,
    start=_start,
    frame=MapFrame,
    child_ended=_child_ended,
    matches=_collects,
    takes=_collected,
    copy=_copy,
    binds=_binds,
)

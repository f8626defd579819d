"""What an expression can read besides its data: `$context`, `$input`, `$output`, `$task`, `$workflow`, `$runtime`,
and the names that loops and handlers bind.

Only the variables that an expression names are made, because most expressions name none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.payload import Json
from schemas.times import rfc3339
from streams.engine.activity import Activity, Place
from streams.engine.contexts import context_of
from streams.engine.messages import StartInstance
from streams.engine.tree import Tree

# The version of the engine's semantics, not of the product: it changes only when folding the same events gives other
# states.
RUNTIME: Mapping[str, Json] = {"name": "exlify", "version": "3", "metadata": {}}


def variables(tree: Tree, names: frozenset[str], place: Place, scope: int) -> dict[str, Json]:
    """The values of `names`, read at `place` inside the frame `scope`.

    A name that is not bound there is left out, so that the expression fails on it.
    """
    values: dict[str, Json] = {}
    for name in names:
        if not isinstance(place, str) and name in _OF_TASK:
            values[name] = _OF_TASK[name](tree, place)
        elif name in _OF_WORKFLOW:
            values[name] = _OF_WORKFLOW[name](tree)
        else:
            _bind(tree, name, scope, values)
    return values


def date_time(at_ms: int) -> dict[str, Json]:
    """A point in time as the definition language describes it (DateTime descriptor), UTC."""
    return {"iso8601": rfc3339(at_ms), "epoch": {"seconds": at_ms // 1000, "milliseconds": at_ms}}


def cloud_event(event: StartInstance, data: Json) -> dict[str, Json]:
    """The event that has started the instance, as `$workflow.input` lists it."""
    attributes: dict[str, Json] = {
        "specversion": "1.0", "id": event.event_id, "source": event.source, "type": event.event_type,
        "time": rfc3339(event.time_ms), "datacontenttype": "application/json",
    }  # fmt: skip
    return {**attributes, **({"subject": event.business_key} if event.business_key else {}), "data": data}


def _bind(tree: Tree, name: str, scope: int, values: dict[str, Json]) -> None:
    """The innermost loop or handler around that binds the name."""
    binds = tree.of_frames.binds
    while scope >= 0:
        frame = tree.frames[scope]
        if type(frame) in binds:
            bound = binds[type(frame)](frame, tree.graph.tasks[frame.task])
            if name in bound:
                values[name] = bound[name]
                return
        scope = frame.parent


def _task(tree: Tree, activity: Activity) -> Json:
    task = activity.task
    return {
        "name": task.name,
        "reference": task.pointer,
        "definition": task.document,
        "input": activity.raw,
        "output": activity.raw_output,
        "startedAt": date_time(activity.started_ms),
    }


def _workflow(tree: Tree) -> Json:
    return {
        "id": tree.instance_id,
        "definition": tree.graph.document,
        "input": tree.input,
        "startedAt": date_time(tree.instance.started_at_ms),
    }


_OF_TASK: Mapping[str, Callable[[Tree, Activity], Json]] = {
    "context": lambda tree, activity: context_of(tree, activity.task.index, activity.parent),
    "input": lambda tree, activity: activity.input,
    "output": lambda tree, activity: activity.output,
    "task": _task,
}

_OF_WORKFLOW: Mapping[str, Callable[[Tree], Json]] = {
    "context": lambda tree: tree.context,
    "workflow": _workflow,
    "runtime": lambda tree: RUNTIME,
}

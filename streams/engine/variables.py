"""What an expression can read besides its data: `$context`, `$input`, `$output`, `$task`, `$workflow`, `$runtime`,
and the names that loops and handlers bind.

Only the variables that an expression names are made, because most expressions name none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from schemas.payload import Json
from streams.engine.contexts import context_of
from streams.engine.state import LoopFrame, TryFrame

if TYPE_CHECKING:
    from streams.engine.activity import Activity, Place
    from streams.engine.run import Run
    from streams.language.graph import For, Try

# The version of the engine's semantics, not of the product: it changes only when folding the same events gives other
# states.
RUNTIME: Mapping[str, Json] = {"name": "exlify", "version": "1", "metadata": {}}


def variables(run: Run, names: frozenset[str], place: Place, scope: int) -> dict[str, Json]:
    """The values of `names`, read at `place` inside the frame `scope`.

    A name that is not bound there is left out, so that the expression fails on it.
    """
    values: dict[str, Json] = {}
    for name in names:
        if not isinstance(place, str) and name in _OF_TASK:
            values[name] = _OF_TASK[name](run, place)
        elif name in _OF_WORKFLOW:
            values[name] = _OF_WORKFLOW[name](run)
        else:
            _bind(run, name, scope, values)
    return values


def date_time(at_ms: int) -> dict[str, Json]:
    """A point in time as the definition language describes it (DateTime descriptor), UTC."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"iso8601": text, "epoch": {"seconds": at_ms // 1000, "milliseconds": at_ms}}


def _bind(run: Run, name: str, scope: int, values: dict[str, Json]) -> None:
    """The innermost loop or handler around that binds the name."""
    while scope >= 0:
        frame = run.frames[scope]
        if type(frame) is LoopFrame:
            loop: For = run.graph.tasks[frame.task]  # type: ignore[assignment]
            if name == loop.each:
                values[name] = frame.item
                return
            if name == loop.at:
                values[name] = frame.index
                return
        elif type(frame) is TryFrame and frame.error is not None:
            attempt: Try = run.graph.tasks[frame.task]  # type: ignore[assignment]
            if name == attempt.bind:
                values[name] = frame.error
                return
        scope = frame.parent


def _task(run: Run, activity: Activity) -> Json:
    task = activity.task
    return {
        "name": task.name,
        "reference": task.pointer,
        "definition": task.document,
        "input": activity.raw,
        "output": activity.raw_output,
        "startedAt": date_time(activity.started_ms),
    }


def _workflow(run: Run) -> Json:
    return {
        "id": run.instance_id,
        "definition": run.graph.document,
        "input": run.instance.input,
        "startedAt": date_time(run.instance.started_at_ms),
    }


_OF_TASK: Mapping[str, Callable[[Run, Activity], Json]] = {
    "context": lambda run, activity: context_of(run, activity.task.index, activity.parent),
    "input": lambda run, activity: activity.input,
    "output": lambda run, activity: activity.output,
    "task": _task,
}

_OF_WORKFLOW: Mapping[str, Callable[[Run], Json]] = {
    "context": lambda run: run.context,
    "workflow": _workflow,
    "runtime": lambda run: RUNTIME,
}

"""`fork`: branches side by side, joined in the order of declaration.

Each branch works on a `$context` of its own (`contexts`); a join makes one of them again.
"""

from __future__ import annotations

import copy
from bisect import bisect_left

import msgspec

from schemas.payload import Json
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.contexts import context_of, replace_context
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.engine.tree import Exports
from streams.language.constructs.fork import Fork
from streams.language.graph import Flow, Task


class ForkFrame(Frame, tag=2):
    """A `fork`: outputs and exported contexts of branches by their position."""

    waiting: int = 0  # branches that have not ended
    results: list[Json] = msgspec.field(default_factory=list)
    exports: dict[int, Json] = msgspec.field(default_factory=dict)


def _start(run: Run, fork: Fork, activity: Activity) -> None:
    if not fork.branches:
        run.complete(activity, [])
        return
    frame = run.open_around(ForkFrame, activity)
    frame.waiting = len(fork.branches)
    frame.results = [None] * frame.waiting
    for branch in reversed(fork.branches):  # the agenda is a stack
        run.defer(branch, frame.id, activity.input)


def _child_ended(run: Run, frame: ForkFrame, fork: Fork, branch: Task, output: Json, flow: Flow) -> None:
    run.keep(output)
    frame.results[bisect_left(fork.branches, branch.index)] = output
    frame.waiting -= 1
    if not frame.waiting:
        run.weigh(frame.results, fork.pointer)
        _join(run, frame)
        run.complete(run.close(frame), frame.results)


def _join(run: Run, frame: ForkFrame) -> None:
    """All branches have ended: what they exported becomes the context around the fork."""
    if frame.exports:
        context = context_of(run, frame.task, frame.parent)
        exported = [frame.exports[branch] for branch in sorted(frame.exports)]
        merged = merge_exports(context, exported)
        run.weigh(merged, run.graph.tasks[frame.task].pointer)
        replace_context(run, frame.task, frame.parent, merged)


def merge_exports(context: Json, exported: list[Json]) -> Json:
    """The context after a join: what the branches exported, merged over the context of the fork in the order of
    declaration.

    Of an object those members count that the branch has changed, so that a branch that exports `$context + {mine: 1}`
    doesn't undo what a branch before it has exported. Where either side is no object, the export replaces.
    """
    merged = context
    for export in exported:
        if not (isinstance(export, dict) and isinstance(context, dict) and isinstance(merged, dict)):
            merged = export
            continue
        # By text, because to Python true is 1, and 1 is 1.0.
        changed = {
            name: value for name, value in export.items() if name not in context or repr(context[name]) != repr(value)
        }
        merged = {**merged, **changed}
    return merged


def _exports(frame: ForkFrame, fork: Fork, branch: int) -> Exports:
    return frame.exports, bisect_left(fork.branches, branch)  # they are numbered in order


def _copy(frame: ForkFrame) -> ForkFrame:
    twin = copy.copy(frame)
    twin.results = frame.results.copy()
    twin.exports = frame.exports.copy()
    return twin


FORK = Construct(task=Fork, start=_start, frame=ForkFrame, child_ended=_child_ended, copy=_copy, exports=_exports)

"""`fork`: branches side by side, joined in the order of declaration, or racing for the first to succeed (`compete`).

Each branch works on a `$context` of its own (`contexts`); a join makes one of them again. In a race the context of the
winner counts, and the others are cancelled with all that they have asked for. A branch that fails is out of the race;
the error of the last goes on as any other.
"""

from __future__ import annotations

import copy
from bisect import bisect_left

import msgspec

from schemas.payload import Json
from schemas.steps import Problem
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
    if fork.compete:
        _won(run, frame, bisect_left(fork.branches, branch.index), output)
        return
    run.keep(output)
    frame.results[bisect_left(fork.branches, branch.index)] = output
    frame.waiting -= 1
    if not frame.waiting:
        run.weigh(frame.results, fork.pointer)
        _join(run, frame)
        run.complete(run.close(frame), frame.results)


def _won(run: Run, frame: ForkFrame, branch: int, output: Json) -> None:
    run.cancel_below(frame.id, "another branch has succeeded")
    frame.exports = {each: context for each, context in frame.exports.items() if each == branch}
    _join(run, frame)
    run.complete(run.close(frame), output)


def _is_one_out(run: Run, frame: ForkFrame, fork: Fork, problem: Problem) -> bool:
    """Whether a branch that fails is out of a race that goes on."""
    return fork.compete and frame.waiting > 1


def _out(run: Run, frame: ForkFrame, fork: Fork, problem: Problem) -> None:
    frame.waiting -= 1


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

    Of objects, however deep, those members count that the branch has changed, so that a branch that exports
    `$context + {mine: 1}` doesn't undo what a branch before it has exported. A member that it leaves out stays.
    Anything else is changed as a whole, and so is what is an object on one side only: the later branch wins.
    """
    merged = context
    for export in exported:
        merged = _merge(context, merged, export)
    return merged


_ABSENT: dict[str, Json] = {}  # before it was there, an object had no members


def _merge(before: Json, merged: Json, export: Json) -> Json:
    """What a branch has made of `before`, over what other branches have made of it."""
    if not (type(before) is dict and type(merged) is dict and type(export) is dict):
        return export
    result = dict(merged)
    for name, value in export.items():
        old = before.get(name, _ABSENT)
        if name in before and _unchanged(old, value):
            continue
        result[name] = _merge(old, merged[name], value) if name in merged else value
    return result


def _unchanged(before: Json, export: Json) -> bool:
    """Whether a branch has left something as it was; to leave out a member is to say nothing of it."""
    if before is export:
        return True
    if type(before) is dict and type(export) is dict:
        return all(name in before and _unchanged(before[name], value) for name, value in export.items())
    return _same(before, export)


def _same(one: Json, other: Json) -> bool:
    """Whether two values are equal as JSON: to Python, true is 1 as well."""
    if one is other:
        return True
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(_same(value, other[name]) for name, value in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _exports(frame: ForkFrame, fork: Fork, branch: int) -> Exports:
    return frame.exports, bisect_left(fork.branches, branch)  # they are numbered in order


def _copy(frame: ForkFrame) -> ForkFrame:
    twin = copy.copy(frame)
    twin.results = frame.results.copy()
    twin.exports = frame.exports.copy()
    return twin


FORK = Construct(
    task=Fork,
    start=_start,
    frame=ForkFrame,
    child_ended=_child_ended,
    matches=_is_one_out,
    takes=_out,
    copy=_copy,
    exports=_exports,
)

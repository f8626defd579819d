"""`$context` where there are branches: each works on its own, and a join makes one of them again.

A branch sees the context of its fork until it exports one; from then on it sees its own. Nothing is copied for that:
the frame of the fork holds what its branches have exported, and the context of the fork itself can't change while it
is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.payload import Json
from streams.engine.state import ForkFrame

if TYPE_CHECKING:
    from streams.engine.run import Run


def context_of(run: Run, task: int, parent: int) -> Json:
    """`$context` as a task below the frame `parent` sees it."""
    while parent >= 0:
        frame = run.frames[parent]
        if type(frame) is ForkFrame:
            branch = position(run, frame, task)
            if branch in frame.exports:
                return frame.exports[branch]
        task, parent = frame.task, frame.parent
    return run.context


def replace_context(run: Run, task: int, parent: int, context: Json) -> None:
    """Replaces `$context` for the branch that a task is in, or for the instance."""
    while parent >= 0:
        frame = run.frames[parent]
        if type(frame) is ForkFrame:
            frame.exports[position(run, frame, task)] = context
            return
        task, parent = frame.task, frame.parent
    run.context = context


def position(run: Run, frame: ForkFrame, branch: int) -> int:
    """Which branch of an open fork a task is, from 0 in the order of declaration."""
    return run.graph.tasks[frame.task].branches.index(branch)  # type: ignore[attr-defined, no-any-return]


def join_contexts(run: Run, frame: ForkFrame) -> None:
    """All branches have ended: what they exported becomes the context around the fork."""
    if frame.exports:
        context = context_of(run, frame.task, frame.parent)
        exported = [frame.exports[branch] for branch in sorted(frame.exports)]
        replace_context(run, frame.task, frame.parent, merge_exports(context, exported))


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

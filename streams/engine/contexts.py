"""`$context` where there are branches: each works on its own.

A branch sees the context of its fork until it exports one; from then on it sees its own. Nothing is copied for that:
the frame of the fork holds what its branches have exported, and the context of the fork itself can't change while it
is open. What a join does is the fork's affair (`constructs.fork`).
"""

from __future__ import annotations

from schemas.payload import Json
from streams.engine.tree import Tree


def context_of(tree: Tree, task: int, parent: int) -> Json:
    """`$context` as a task below the frame `parent` sees it."""
    frames, tasks, exports = tree.frames, tree.graph.tasks, tree.of_frames.exports
    while parent >= 0:
        frame = frames[parent]
        if type(frame) in exports:
            contexts, branch = exports[type(frame)](frame, tasks[frame.task], task)
            if branch in contexts:
                return contexts[branch]
        task, parent = frame.task, frame.parent
    return tree.context


def replace_context(tree: Tree, task: int, parent: int, context: Json) -> None:
    """Replaces `$context` for the branch that a task is in, or for the instance."""
    tree.keep(context)
    frames, tasks, exports = tree.frames, tree.graph.tasks, tree.of_frames.exports
    while parent >= 0:
        frame = frames[parent]
        if type(frame) in exports:
            contexts, branch = exports[type(frame)](frame, tasks[frame.task], task)
            contexts[branch] = context
            return
        task, parent = frame.task, frame.parent
    tree.context = context

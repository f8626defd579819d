"""What is seen of undoing only in the whole workflow: steps that are forgotten, a `try` that undoes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from streams.language.constructs import children
from streams.language.constructs.do import DoModel
from streams.language.constructs.map_ import MapModel
from streams.language.constructs.try_ import TryModel
from streams.language.faults import Severity
from streams.language.model import TaskModel
from streams.language.source import Source
from streams.language.undoing import KEY, StepModel


def lint_undo(source: Source, root: DoModel) -> None:
    """Warns of steps with an effect that say nothing, where others are undone; faults a `try` with nothing to undo."""
    undoes = any(isinstance(task, StepModel) and task.undo is not None for task in _inside(root))
    for task in _inside(root):
        if isinstance(task, TryModel) and task.compensates and not any(_is_undone(each) for each in _inside(task.body)):
            remedy = "say at a step in it how that is undone: compensate: {call: ...}"
            source.fault((*task.path, "metadata", KEY), "compensate", "no step in this `try` is undone", remedy)
        if undoes and isinstance(task, StepModel) and task.stands:
            message = f"`{task.name}` may change something, and nothing says how that is undone"
            remedy = "add metadata: {compensate: {call: ...}}, or compensate: none if it may stand"
            source.fault(task.path, "no-undo", message, remedy, key=True, severity=Severity.WARNING)
        if undoes and isinstance(task, MapModel):
            message = f"what the elements of `{task.name}` have done by then is not undone"
            remedy = "let the workflow of an element undo what it has done, and start it by `run` in a `for`"
            source.fault(task.path, "no-undo", message, remedy, key=True, severity=Severity.WARNING)


def _is_undone(task: TaskModel) -> bool:
    return isinstance(task, StepModel) and task.undo is not None


def _inside(task: TaskModel) -> Iterator[TaskModel]:
    """The tasks in it, but not those of undos."""
    for child in children(task):
        if not (isinstance(task, StepModel) and child is task.undo):
            yield child
            yield from _inside(child)

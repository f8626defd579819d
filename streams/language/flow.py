"""What the structure of a definition cannot show: names that are taken twice, jumps to nowhere, tasks that are never
reached."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from streams.language.constructs import BY_MODEL, children
from streams.language.constructs.do import DoModel
from streams.language.model import CONTINUE, DIRECTIVES, TaskModel
from streams.language.source import Path, Source

_COMPARED = 100  # names of tasks that a remedy looks at, where there are thousands


def lint_flow(source: Source, root: DoModel) -> None:
    """Notes every fault of the flow in the source."""
    for tasks in _lists(root):
        names = [task.name for task in tasks]
        _duplicates(source, tasks)
        for task in tasks:
            for target, path in _targets(task):
                _target(source, target, path, names)
        _unreachable(source, tasks)


def _lists(task: TaskModel) -> Iterator[tuple[TaskModel, ...]]:
    if isinstance(task, DoModel):
        yield task.tasks
    for child in children(task):
        yield from _lists(child)


def _duplicates(source: Source, tasks: tuple[TaskModel, ...]) -> None:
    first: dict[str, TaskModel] = {}
    for task in tasks:
        other = first.setdefault(task.name, task)
        if other is not task:
            message = f"the task `{task.name}` is already in line {source.keys[other.path].start_mark.line + 1}"
            source.fault(task.path, "duplicate-name", message, "rename one of them", key=True)


def _targets(task: TaskModel) -> Iterator[tuple[str, Path]]:
    yield task.then, (*task.path, "then")
    if type(task) in BY_MODEL:
        yield from BY_MODEL[type(task)].jumps(task)


def _target(source: Source, target: str, path: Path, names: list[str]) -> None:
    if not target or target in DIRECTIVES or target in names:
        return
    close = get_close_matches(target, [*DIRECTIVES, *names][:_COMPARED], n=1)
    listed = ", ".join(names[:_COMPARED])
    remedy = f"did you mean `{close[0]}`?" if close else f"tasks of this list: {listed}; or continue, exit, end"
    source.fault(path, "goto", f"there is no task `{target}` in this list", remedy)


def _unreachable(source: Source, tasks: tuple[TaskModel, ...]) -> None:
    positions = {task.name: index for index, task in reversed(list(enumerate(tasks)))}
    reached: set[int] = set()
    open_ends = [0]
    while open_ends:
        index = open_ends.pop()
        if index not in reached and index < len(tasks):
            reached.add(index)
            open_ends += [positions.get(target, index + 1) for target in _continuations(tasks[index])]
    for index, task in enumerate(tasks):
        if index not in reached:
            message = f"the task `{task.name}` is never reached"
            source.fault(task.path, "unreachable", message, "remove it, or let a `then` lead to it", key=True)


def _continuations(task: TaskModel) -> Iterator[str]:
    """Where the flow may go from a task inside its list: names of siblings, or `continue`."""
    if task.condition is not None:
        yield CONTINUE  # a task that is skipped is as if it were not there
    construct = BY_MODEL.get(type(task))
    targets = construct.goes_on(task) if construct is not None else (task.then,)
    yield from (target for target in targets if target not in ("exit", "end"))

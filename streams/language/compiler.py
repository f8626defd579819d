"""From the model to the graph: tasks numbered in document order, jumps resolved to numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any

import orjson

from schemas.payload import Json
from schemas.recovery import Policy
from streams.language.construct import Fields, Links
from streams.language.constructs import BY_MODEL, children
from streams.language.constructs.do import DoModel
from streams.language.constructs.try_ import TryModel
from streams.language.graph import Expression, Graph, Task, Transform
from streams.language.growth import UNKNOWN, growth_of
from streams.language.model import TaskModel
from streams.language.source import Path, pointer
from streams.language.undoing import KEY, Stand, StepModel
from streams.language.workflow import WorkflowModel

_AT_THE_END = frozenset({"input", "task"})
_INPUT = re.compile(r"\$workflow\b(?!\.(?:id|definition|startedAt)\b)")


def digest_of(document: Mapping[str, Json], *, lists_events: bool = False) -> str:
    """SHA-256 of the document as compact JSON in the order it is written.

    The order counts because it is the order of the members in what templates make: one digest, the same bytes for ever.
    Where `$workflow.input` is a list of events it is another one, so that what was deployed before keeps its meaning.
    """
    return hashlib.sha256((b"events\n" if lists_events else b"") + orjson.dumps(document)).hexdigest()


def compile_model(model: WorkflowModel, deployed: str | None = None) -> Graph:
    """The graph of a model without faults; with the meaning that it had when it was `deployed` under a digest."""
    compiler = _Compiler(model.root, model.policy)
    tasks = compiler.tasks()
    keeps_input = _reads_workflow(model)
    reads_input = keeps_input and _names_input(model.document)
    events = bool(model.event_types) and (model.trigger is None or not model.trigger.gathers)
    lists_events = reads_input and events and deployed != digest_of(model.document)
    return Graph(
        digest=digest_of(model.document, lists_events=lists_events),
        namespace=model.namespace,
        name=model.name,
        version=model.version,
        document=model.document,
        bytes=len(orjson.dumps(model.document)),
        tasks=tasks,
        pointer_bytes=max(4 * len(task.pointer) for task in tasks),
        event_types=model.event_types,
        event_filters=model.event_filters,
        trigger=model.trigger,
        schedule=model.schedule,
        read=model.read,
        input=model.input,
        output=model.output,
        timeout=model.timeout,
        keeps_input=keeps_input,
        reads_input=reads_input,
        lists_events=lists_events,
        owner=model.owner,
        priority=model.priority,
        deadline=model.deadline,
        faults=model.faults,
        undoes=bool(compiler.undos),
    )


def _expressions(part: Any) -> list[Expression]:
    """Every expression in the fields of a model, but not those of the tasks inside it."""
    found = []
    for value in (getattr(part, field.name) for field in fields(part)):
        if hasattr(value, "evaluate"):
            found.append(value)
        elif isinstance(value, Transform) and value.expression is not None:
            found.append(value.expression)
        elif isinstance(value, tuple):
            parts = [item for item in value if is_dataclass(item) and not isinstance(item, TaskModel)]
            found += [one for item in parts for one in _expressions(item)]
    return found


def _reads_workflow(model: WorkflowModel) -> bool:
    def reads(task: TaskModel) -> bool:
        return any("workflow" in found.variables for found in _expressions(task)) or any(map(reads, children(task)))

    return any("workflow" in found.variables for found in _expressions(model)) or reads(model.root)


def _names_input(part: Json) -> bool:
    """Whether a text in it reads `$workflow`, and not only a member of it that is no input."""
    if isinstance(part, str):
        return _INPUT.search(part) is not None
    if isinstance(part, dict):
        return any(map(_names_input, part.values()))
    return isinstance(part, list) and any(map(_names_input, part))


class _Compiler:
    """Numbers first, then tasks, because jumps and links name tasks that come later."""

    def __init__(self, root: DoModel, policy: Policy | None) -> None:
        self._models: list[TaskModel] = []
        self._index: dict[Path, int] = {}
        self._parent: dict[Path, int] = {}
        self._siblings: dict[Path, Mapping[str, int]] = {}
        self._next: dict[Path, int] = {}
        self._policies: dict[Path, Policy | None] = {}
        self._number(root, -1, policy)
        self._standing: list[Path] = []
        self.undos = self._undone()

    def _number(self, task: TaskModel, parent: int, policy: Policy | None) -> None:
        self._index[task.path] = index = len(self._models)
        self._parent[task.path] = parent
        self._models.append(task)
        self._policies[task.path] = policy
        inside = BY_MODEL[type(task)].retry(task) or policy
        for child in children(task):
            self._number(child, index, inside)
            inside = policy  # a handler is not tried again
        if isinstance(task, DoModel):
            self._link(task)

    def _link(self, block: DoModel) -> None:
        names = {task.name: self._index[task.path] for task in block.tasks}
        for task, following in zip(block.tasks, [*block.tasks[1:], None], strict=True):
            self._siblings[task.path] = names
            self._next[task.path] = self._index[following.path] if following is not None else -1

    def _undone(self) -> dict[Path, int]:
        """By the path of a step, the number of its undo; those that only people can do come behind all others.

        Where no step says how it is undone, there are none.
        """
        steps = [model for model in self._models if isinstance(model, StepModel)]
        undos = {step.path: self._index[step.undo.path] for step in steps if step.undo is not None}
        if undos:
            self._standing = [step.path for step in steps if step.stands and not self._is_undo(step.path)]
            undos |= {path: len(self._models) + number for number, path in enumerate(self._standing)}
        return undos

    def _is_undo(self, path: Path) -> bool:
        return any(pair == ("metadata", KEY) for pair in pairwise(path))

    def tasks(self) -> tuple[Task, ...]:
        """The tasks in order."""
        links = Links(self._index, self._siblings, self._policies, self.undos)
        read = [BY_MODEL[type(model)].compiled(model, links, self._common(model, links)) for model in self._models]
        return (*read, *map(self._stand, self._standing))

    def _stand(self, path: Path) -> Stand:
        at = pointer((*path, "metadata", KEY))
        return Stand(index=self.undos[path], pointer=at, name=f"undo-{path[-1]}", parent=self._index[path])

    def _common(self, model: TaskModel, links: Links) -> Fields:
        return {
            "index": self._index[model.path],
            "pointer": pointer(model.path),
            "name": model.name,
            "parent": self._parent[model.path],
            "next": self._next.get(model.path, -1),
            "condition": model.condition,
            "input": model.input,
            "output": model.output,
            "export": model.export,
            "timeout": model.timeout,
            "then": links.flow(model.then, model),
            "metadata": model.metadata,
            "gives_up": model.then == "end" and model.metadata.get(KEY) is True and not isinstance(model, TryModel),
            "keeps_input": _reads_at_end(model),
            "growth": UNKNOWN if _asks_more(model) else growth_of(model, leaf=not children(model)),
            "document": model.document,
        }


def _asks_more(model: TaskModel) -> bool:
    return bool(model.elsewhere or getattr(model, "fallback", ()) or getattr(model, "probe", ()))


def _reads_at_end(model: TaskModel) -> bool:
    late = (model.output.expression, model.export.expression, *BY_MODEL[type(model)].late(model))
    return any(found is not None and bool(found.variables & _AT_THE_END) for found in late)

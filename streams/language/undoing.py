"""`metadata.compensate`: how what a step has done is undone, should the instance be given up.

It is a task like others. It is given what the step was asked with and what it has answered, and is carried out as a
step of its own: with an id, a recovery policy and a history. A step whose effect needs no undoing says `none`. One that
says nothing, in a workflow that undoes, is for people to look at: an undo that only they can do stands in for it
(`Stand`). On a `try`, `true` has the steps inside undone before an error that it catches is handled; on a task behind
which the workflow ends (`then: end`), it has all steps undone before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from schemas.functions import Function
from schemas.payload import Json
from streams.language.common import Common
from streams.language.graph import Task
from streams.language.model import CONTINUE, TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader

KEY = "compensate"
NONE = "none"
EXAMPLE = "compensate: {call: http, with: {method: delete, endpoint: '${ .output.href }'}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepModel(TaskModel):
    """A task that is a step: it may have an effect, and say how that is undone."""

    undo: TaskModel | None = None
    stands: bool = False  # it changes something, and does not say how that is undone


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand(Task):
    """The undo of a step that declares none: people see to it."""


def children(model: StepModel) -> tuple[TaskModel, ...]:
    """The undo, as a task inside the step."""
    return () if model.undo is None else (model.undo,)


def read_undo(reader: Reader, node: Node, common: Common, function: Function | None) -> Common:
    """What a step has in common with all tasks, and how it is undone."""
    metadata = node.optional("metadata")
    said = metadata.optional(KEY) if metadata is not None else None
    if said is None:
        return {**common, "stands": function is not None and _changes(function, node)}
    if said.value == NONE:
        return common
    if not isinstance(said.value, dict):
        said.wrong_type("a task, or none,", EXAMPLE)
        return common
    for inner in _compensates(said.value):
        said.fault("compensate", f"an undo is not undone itself, and `{inner}` says how", "take its `compensate` out")
    undo = reader.task(said, frozenset())
    if undo.then != CONTINUE:
        said.fault("compensate", "the flow does not go on behind an undo", "leave `then` out")
    for ending in _endings(said.value):
        said.fault("compensate", f"`then: end` in `{ending}` would end the workflow", "write then: exit")
    return {**common, "undo": replace(undo, name=f"undo-{node.name}")}


def read_caught(node: Node) -> bool:
    """Of a `try`: whether what was done in it is undone before an error that it catches is handled."""
    metadata = node.optional("metadata")
    said = metadata.optional(KEY) if metadata is not None else None
    return said is not None and said.flag("compensate: true") is True


def name_at(pointer: str) -> str:
    """The name of the task at a pointer; that of an undo is made from its step's."""
    step, undo, _ = pointer.rpartition(f"/metadata/{KEY}")
    return f"undo-{step.rpartition('/')[2]}" if undo and pointer.endswith(undo) else pointer.rpartition("/")[2]


def is_undo(pointer: str) -> bool:
    """Whether a task is an undo, or in one."""
    return f"/metadata/{KEY}" in pointer


def _changes(function: Function, node: Node) -> bool:
    """Whether the step may change something outside, as far as the definition tells."""
    if function.waits_for_people:
        return False
    given = node.value.get("with") if isinstance(node.value, dict) else None
    metadata = node.value.get("metadata") if isinstance(node.value, dict) else None
    declared = metadata.get("effect") if isinstance(metadata, dict) else None
    return function.changes(given if isinstance(given, dict) else {}, declared)


def _tasks(value: Json, name: str = "compensate") -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Whatever may be a task inside, with its name."""
    if isinstance(value, dict):
        yield name, value
        for key, part in value.items():
            if key not in ("with", "set", "input", "output"):
                yield from _tasks(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _tasks(part, name)


def _compensates(value: Json) -> Iterator[str]:
    for name, task in _tasks(value):
        metadata = task.get("metadata")
        if isinstance(metadata, dict) and KEY in metadata:
            yield name


def _endings(value: Json) -> Iterator[str]:
    return (name for name, task in _tasks(value) if task.get("then") == "end")

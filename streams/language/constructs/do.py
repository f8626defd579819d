"""`do`: a list of tasks, one after the other.

Every list of tasks in a definition (the body of `for`, of `try`, of `catch`) is a `do` in model and graph, so that a
jump stays inside its list.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.forms import TASKS
from streams.language.graph import Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import EXAMPLE, Reader
from streams.language.slots import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class DoModel(TaskModel):
    """`do`: a list of tasks."""

    tasks: tuple[TaskModel, ...]
    told: bool = False  # a task of its own; else the body of another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(Task):
    """An ordered list of tasks."""

    first: int = -1  # -1 if empty


def read_list(reader: Reader, node: Node, scope: Scope) -> DoModel:
    """A list of tasks as a `do` of its own."""
    named = node.named_items(EXAMPLE)
    if isinstance(node.value, list) and not node.value:
        node.fault("empty-list", f"`{node.name}` has no tasks", f"add one: {EXAMPLE}", key=True)
    return DoModel(name=node.name, path=node.path, tasks=tuple(reader.task(item, scope) for item in named))


def read_list_under(reader: Reader, node: Node, key: str, scope: Scope) -> DoModel:
    """The list that stands under a key; an empty one stands in where it is missing."""
    child = node.optional(key)
    return read_list(reader, child, scope) if child is not None else DoModel(name=key, path=(*node.path, key), tasks=())


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> DoModel:
    return DoModel(**common, tasks=read_list(reader, node.child("do"), scope).tasks, told=True)


def _compiled(model: DoModel, links: Links, fields: Fields) -> Do:
    return Do(**fields, first=links.number(model.tasks[0]) if model.tasks else -1, told=model.told)


DO = Construct(
    key="do",
    summary="tasks one after the other; the output of one is the input of the next",
    keys={"do": TASKS},
    required=("do",),
    model=DoModel,
    task=Do,
    read=_read,
    compiled=_compiled,
    children=lambda model: model.tasks,
)

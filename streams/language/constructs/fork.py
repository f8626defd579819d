"""`fork`: branches side by side, joined in the order of declaration, or racing for the first to succeed."""

from __future__ import annotations

from dataclasses import dataclass

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.forms import TASK, closed, named
from streams.language.graph import Task
from streams.language.model import DIRECTIVES, TaskModel
from streams.language.nodes import Node, unique
from streams.language.reader import Reader
from streams.language.slots import Scope

_EXAMPLE = "fork: {branches: [{first: {...}}, {second: {...}}]}"
_FORK = closed({"branches": named(TASK), "compete": {"type": ["boolean", "null"]}}, ["branches"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkModel(TaskModel):
    """`fork`."""

    branches: tuple[TaskModel, ...]
    compete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Task):
    """Branches side by side; joined in the order of declaration, or ended by the first that succeeds (`compete`)."""

    branches: tuple[int, ...]  # index of one task each (a Do where the branch is a list)
    compete: bool = False


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> ForkModel:
    fork = node.child("fork")
    parts = fork.parts(_FORK, example=_EXAMPLE)
    compete = parts.get("compete")
    competes = compete is not None and compete.value is not None and compete.flag("compete: true") is True
    branches = _branches(reader, parts["branches"], scope) if "branches" in parts else ()
    return ForkModel(**common, branches=branches, compete=competes)


def _branches(reader: Reader, node: Node, scope: Scope) -> tuple[TaskModel, ...]:
    branches = node.named_items("- first: {call: http, with: {...}}")
    if node.value == []:
        node.fault("empty-list", "`fork` has no branches", f"write {_EXAMPLE}", key=True)
    unique(branches, "branch")
    models = tuple(reader.task(branch, scope) for branch in branches)
    for branch in models:
        if branch.then not in DIRECTIVES:
            message = f"a branch has no siblings to go to, `{branch.then}` is none"
            node.source.fault((*branch.path, "then"), "goto", message, "leave `then` out")
    return models


def _compiled(model: ForkModel, links: Links, fields: Fields) -> Fork:
    branches = tuple(links.number(branch) for branch in model.branches)
    return Fork(**fields, branches=branches, compete=model.compete)


FORK = Construct(
    key="fork",
    summary="`branches`, side by side; their outputs as a list, or with `compete` that of the first that succeeds",
    keys={"fork": _FORK},
    required=("fork",),
    model=ForkModel,
    task=Fork,
    read=_read,
    compiled=_compiled,
    children=lambda model: model.branches,
)

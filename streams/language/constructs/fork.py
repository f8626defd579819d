"""`fork`: branches side by side, joined in the order of declaration."""

from __future__ import annotations

from dataclasses import dataclass

from streams.language import profile
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.forms import TASK, closed, named
from streams.language.graph import Task
from streams.language.model import DIRECTIVES, TaskModel
from streams.language.nodes import Node, unique
from streams.language.reader import Reader
from streams.language.slots import Scope

_EXAMPLE = "fork: {branches: [{first: {...}}, {second: {...}}]}"
_FORK = closed({"branches": named(TASK), "compete": {"enum": [False, None]}}, ["branches"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkModel(TaskModel):
    """`fork`, joined."""

    branches: tuple[TaskModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Task):
    """Branches side by side; joined in the order of declaration."""

    branches: tuple[int, ...]  # index of one task each (a Do where the branch is a list)
    compete: bool = False


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> ForkModel:
    fork = node.child("fork")
    joined = fork.optional("compete")
    known = tuple(_FORK["properties"]) if joined and (joined.value is False or joined.value is None) else ("branches",)
    parts = fork.members(known, required=_FORK["required"], refused=profile.FORK, example=_EXAMPLE)
    return ForkModel(**common, branches=_branches(reader, parts["branches"], scope) if "branches" in parts else ())


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
    return Fork(**fields, branches=tuple(links.number(branch) for branch in model.branches))


FORK = Construct(
    key="fork",
    summary="`branches`, side by side; the outputs are joined into a list, in the order written",
    keys={"fork": _FORK},
    required=("fork",),
    model=ForkModel,
    task=Fork,
    read=_read,
    compiled=_compiled,
    children=lambda model: model.branches,
)

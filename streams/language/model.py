"""The typed model of a definition: its tasks as a tree, in the words of the specification.

The reader makes it, lint judges it, the compiler flattens it into the graph. Expressions and schemas are already
compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.language.graph import NOTHING, ErrorFilter, Expression, Json, Transform
from streams.language.source import Path

CONTINUE = "continue"
DIRECTIVES = (CONTINUE, "exit", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskModel:
    """What all tasks have in common."""

    name: str
    path: Path  # where it stands in the document
    condition: Expression | None = None
    input: Transform = NOTHING
    output: Transform = NOTHING
    export: Transform = NOTHING
    timeout: Expression | None = None
    then: str = CONTINUE
    metadata: Mapping[str, Json] = field(default_factory=dict)
    document: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoModel(TaskModel):
    """`do`: a list of tasks."""

    tasks: tuple[TaskModel, ...]
    told: bool = False  # a task of its own; else the body of another one


@dataclass(frozen=True, slots=True, kw_only=True)
class SetModel(TaskModel):
    """`set`."""

    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseModel:
    """A case of `switch`."""

    name: str
    path: Path
    when: Expression | None
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchModel(TaskModel):
    """`switch`."""

    cases: tuple[CaseModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForModel(TaskModel):
    """`for`."""

    items: Expression
    each: str
    at: str
    condition_while: Expression | None
    body: DoModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkModel(TaskModel):
    """`fork`, joined."""

    branches: tuple[TaskModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TryModel(TaskModel):
    """`try` and `catch`."""

    body: DoModel
    errors: ErrorFilter
    bind: str
    when: Expression | None
    except_when: Expression | None
    handler: DoModel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseModel(TaskModel):
    """`raise`."""

    error: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitModel(TaskModel):
    """`wait`."""

    duration: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class CallModel(TaskModel):
    """`call`."""

    function: str
    arguments: Expression
    effect: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowModel:
    """A whole definition."""

    document: Mapping[str, Json]  # as written
    namespace: str
    name: str
    version: str
    event_types: tuple[str, ...]
    event_filters: tuple[Mapping[str, Json], ...]
    input: Transform
    output: Transform
    timeout: Expression | None
    root: DoModel

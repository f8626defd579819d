"""What a construct of the language declares: one record, from which reader, lint, compiler and pages are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.functions import Function
from schemas.recovery import Policy
from streams.language.forms import Form
from streams.language.graph import Directive, Expression, Flow, Task
from streams.language.model import TaskModel
from streams.language.reader import Model, Syntax
from streams.language.source import Path
from streams.language.undoing import StepModel

Fields = dict[str, Any]  # of a task of the graph, those that all tasks have

_DIRECTIVES = {directive.value: directive for directive in Directive if directive is not Directive.GOTO}


class Links:
    """What a task has from where it stands: its number, where a `then` leads, how its calls are tried again."""

    def __init__(
        self,
        numbers: Mapping[Path, int],
        siblings: Mapping[Path, Mapping[str, int]],
        policies: Mapping[Path, Policy | None],
        undos: Mapping[Path, int],
    ) -> None:
        self._numbers = numbers
        self._siblings = siblings
        self._policies = policies
        self._undos = undos

    def policy(self, task: TaskModel) -> Policy | None:
        """How calls are tried again there, unless they say it themselves."""
        return self._policies[task.path]

    def undo(self, step: StepModel) -> int:
        """The number of the task that undoes a step, -1 where nothing is to be undone."""
        return self._undos.get(step.path, -1)

    def number(self, model: TaskModel | None) -> int:
        """The number of a task, -1 for none."""
        return self._numbers[model.path] if model is not None else -1

    def flow(self, directive: str, task: TaskModel) -> Flow:
        """A `then` of a task or of one of its cases."""
        known = _DIRECTIVES.get(directive)
        return Flow(known) if known is not None else Flow(Directive.GOTO, self._siblings[task.path][directive])


def _nothing(model: Any) -> tuple[Any, ...]:
    return ()


def _none(model: Any) -> None:
    return None


def _unnarrowed(functions: Mapping[str, Function]) -> Form:
    return {}


def _then(model: TaskModel) -> tuple[str, ...]:
    return (model.then,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Construct(Syntax[Model]):
    """One kind of task, from its text to the graph."""

    summary: str  # what PROFILE.md says of it
    model: type[Model]
    task: type[Task]
    compiled: Callable[[Model, Links, Fields], Task]
    children: Callable[[Model], tuple[TaskModel, ...]] = _nothing  # directly inside, in the order of the document
    retry: Callable[[Model], Policy | None] = _none  # how calls in its first child are tried again
    late: Callable[[Model], Iterable[Expression | None]] = _nothing  # read when its input is gone unless it is kept
    jumps: Callable[[Model], Iterable[tuple[str, Path]]] = _nothing  # targets beside its own `then`, with their places
    narrowed: Callable[[Mapping[str, Function]], Form] = _unnarrowed  # its form, where functions say more than `keys`
    goes_on: Callable[[Model], Iterable[str]] = _then  # where the flow may go when it was not skipped

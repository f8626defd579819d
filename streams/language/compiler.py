"""From the model to the graph: tasks numbered in document order, jumps resolved to numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from streams.language import graph
from streams.language.flow import children
from streams.language.graph import Case, Directive, Flow, Graph, Json
from streams.language.model import (
    CallModel,
    DoModel,
    ForkModel,
    ForModel,
    RaiseModel,
    SetModel,
    SwitchModel,
    TaskModel,
    TryModel,
    WaitModel,
    WorkflowModel,
)
from streams.language.source import Path, pointer

_AT_THE_END = frozenset({"input", "task"})
_DIRECTIVES = {directive.value: directive for directive in Directive if directive is not Directive.GOTO}


def digest_of(document: Mapping[str, Json]) -> str:
    """SHA-256 of the document as compact JSON in the order it is written.

    The order counts because it is the order of the members in what templates make: one digest, the same bytes for ever.
    """
    return hashlib.sha256(orjson.dumps(document)).hexdigest()


def compile_model(model: WorkflowModel) -> Graph:
    """The graph of a model without faults."""
    compiler = _Compiler(model.root)
    return Graph(
        digest=digest_of(model.document),
        namespace=model.namespace,
        name=model.name,
        version=model.version,
        document=model.document,
        tasks=tuple(compiler.tasks()),
        event_types=model.event_types,
        event_filters=model.event_filters,
        input=model.input,
        output=model.output,
        timeout=model.timeout,
        keeps_input=_reads_workflow(model),
    )


def _expressions(part: Any) -> list[graph.Expression]:
    """Every expression in the fields of a model, its transforms and its cases."""
    found = []
    for value in (getattr(part, name) for name in _slots(type(part))):
        if hasattr(value, "evaluate"):
            found.append(value)
        elif isinstance(value, graph.Transform) and value.expression is not None:
            found.append(value.expression)
        elif isinstance(part, SwitchModel) and value is part.cases:
            found += [case.when for case in part.cases if case.when is not None]
    return found


def _slots(kind: type) -> list[str]:
    return [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]


def _reads_workflow(model: WorkflowModel) -> bool:
    def reads(task: TaskModel) -> bool:
        return any("workflow" in found.variables for found in _expressions(task)) or any(map(reads, children(task)))

    return any("workflow" in found.variables for found in _expressions(model)) or reads(model.root)


class _Compiler:
    """Numbers first, then tasks, because jumps and links name tasks that come later."""

    def __init__(self, root: DoModel) -> None:
        self._models: list[TaskModel] = []
        self._index: dict[Path, int] = {}
        self._parent: dict[Path, int] = {}
        self._siblings: dict[Path, Mapping[str, int]] = {}
        self._next: dict[Path, int] = {}
        self._number(root, -1)

    def _number(self, task: TaskModel, parent: int) -> None:
        self._index[task.path] = index = len(self._models)
        self._parent[task.path] = parent
        self._models.append(task)
        for child in children(task):
            self._number(child, index)
        if isinstance(task, DoModel):
            self._link(task)

    def _link(self, block: DoModel) -> None:
        names = {task.name: self._index[task.path] for task in block.tasks}
        for task, following in zip(block.tasks, [*block.tasks[1:], None], strict=True):
            self._siblings[task.path] = names
            self._next[task.path] = self._index[following.path] if following is not None else -1

    def tasks(self) -> list[graph.Task]:
        """The tasks in order."""
        return [_MAKERS[type(model)](self, model, self._common(model)) for model in self._models]

    def index(self, model: TaskModel | None) -> int:
        """The number of a task, -1 for none."""
        return self._index[model.path] if model is not None else -1

    def flow(self, directive: str, task: TaskModel) -> Flow:
        """A `then` of a task or of one of its cases."""
        known = _DIRECTIVES.get(directive)
        return Flow(known) if known is not None else Flow(Directive.GOTO, self._siblings[task.path][directive])

    def _common(self, model: TaskModel) -> dict[str, Any]:
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
            "then": self.flow(model.then, model),
            "metadata": model.metadata,
            "keeps_input": _reads_at_end(model),
            "document": model.document,
        }


def _reads_at_end(model: TaskModel) -> bool:
    late = [model.output.expression, model.export.expression]
    if isinstance(model, ForModel):
        late.append(model.condition_while)
    if isinstance(model, TryModel):
        late += [model.when, model.except_when]
    return any(found is not None and found.variables & _AT_THE_END for found in late)


def _do(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.Do(**common, first=compiler.index(model.tasks[0]) if model.tasks else -1, told=model.told)


def _set(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.Set(**common, value=model.value)


def _switch(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    cases = tuple(Case(case.name, case.when, compiler.flow(case.then, model)) for case in model.cases)
    return graph.Switch(**common, cases=cases)


def _for(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.For(
        **common,
        items=model.items,
        each=model.each,
        at=model.at,
        condition_while=model.condition_while,
        body=compiler.index(model.body),
    )


def _fork(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.Fork(**common, branches=tuple(compiler.index(branch) for branch in model.branches))


def _try(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.Try(
        **common,
        body=compiler.index(model.body),
        errors=model.errors,
        bind=model.bind,
        when=model.when,
        except_when=model.except_when,
        handler=compiler.index(model.handler),
    )


def _raise(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.Raise(**common, error=model.error)


def _wait(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.Wait(**common, duration=model.duration)


def _call(compiler: _Compiler, model: Any, common: dict[str, Any]) -> graph.Task:
    return graph.Call(
        **common,
        function=model.function,
        arguments=model.arguments,
        waits_for_people=model.function == "human",
        effect=model.effect,
    )


_MAKERS: dict[type[TaskModel], Callable[[_Compiler, Any, dict[str, Any]], graph.Task]] = {
    DoModel: _do,
    SetModel: _set,
    SwitchModel: _switch,
    ForModel: _for,
    ForkModel: _fork,
    TryModel: _try,
    RaiseModel: _raise,
    WaitModel: _wait,
    CallModel: _call,
}

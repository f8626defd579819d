"""What a definition means, said a second time and as plainly as possible: a recursive interpreter of the typed model.

It shares the expressions and the model with the engine and nothing else: no frames, no events, no state that could be
stored. Calls are answered by a function, waits take no time, the branches of a fork run one after the other. Where
the order in which branches end would decide the result (two of them fail, say), `ambiguous` says so, and a comparison
has to keep to one order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas import problems
from streams.language.expressions import ExpressionError
from streams.language.graph import Expression, Transform
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
from streams.language.source import pointer

Json = Any
Scope = Mapping[str, Json]
MAX_TASKS = 2_000


@dataclass(frozen=True)
class Answer:
    """What came of a call: an output, or an error."""

    output: Json = None
    error: Mapping[str, Json] | None = None


Calls = Callable[[str, str, Json], Answer]  # pointer, function, arguments


@dataclass
class Result:
    """How an instance ends."""

    status: str
    output: Json = None
    error: dict[str, Json] | None = None
    tasks: list[str] = field(default_factory=list)  # pointers in the order in which they were started
    ambiguous: bool = False  # the order in which branches end would decide
    interrupted: bool = False  # a fork was left before all of its branches had ended


class Raised(Exception):
    """An error on its way up."""

    def __init__(self, problem: dict[str, Json]) -> None:
        super().__init__(problem.get("title"))
        self.problem = problem


class Ended(Exception):
    """`then: end` on its way up, with the output of the workflow."""

    def __init__(self, output: Json) -> None:
        super().__init__("end")
        self.output = output


class TooLong(Exception):
    """More tasks were started than a comparison is worth."""


def interpret(model: WorkflowModel, data: Json, calls: Calls) -> Result:
    """Runs one instance to its end."""
    return _Interpreter(model, data, calls).run()


class _Interpreter:
    def __init__(self, model: WorkflowModel, data: Json, calls: Calls) -> None:
        self._model = model
        self._raw = data
        self._calls = calls
        self._context: Json = {}
        self._exported = False  # whether the context was replaced since the branch we are in began
        self._tasks: list[str] = []
        self._ambiguous = False
        self._interrupted = False

    def run(self) -> Result:
        try:
            data = self._transformed(self._model.input, self._raw, {}, "/input", schema_first=True)
            output = self._root(data)
            output = self._transformed(self._model.output, output, {"context": self._context}, "/output")
        except Raised as raised:
            return self._result("faulted", error=raised.problem)
        return self._result("completed", output=output)

    def _root(self, data: Json) -> Json:
        try:
            return self._list(self._model.root, data, {})
        except Ended as ended:
            return ended.output

    def _result(self, status: str, output: Json = None, error: dict[str, Json] | None = None) -> Result:
        return Result(status, output, error, self._tasks, self._ambiguous, self._interrupted)

    def _evaluate(self, expression: Expression, data: Json, variables: Scope, at: str) -> Json:
        workflow = {"id": "reference", "definition": self._model.document, "input": self._raw, "startedAt": None}
        everything = {"workflow": workflow, "runtime": {}, **variables}
        try:
            return expression.evaluate(data, everything)
        except ExpressionError as error:
            raise Raised(_problem(problems.EXPRESSION, str(error), at)) from error

    def _transformed(
        self, transform: Transform, data: Json, variables: Scope, at: str, *, schema_first: bool = False
    ) -> Json:
        if schema_first:
            self._validated(transform, data, at)
        if transform.expression is not None:
            data = self._evaluate(transform.expression, data, variables, at)
        if not schema_first:
            self._validated(transform, data, at)
        return data

    def _validated(self, transform: Transform, data: Json, at: str) -> None:
        reason = transform.schema.check(data) if transform.schema is not None else None
        if reason is not None:
            raise Raised(_problem(problems.VALIDATION, reason, at))

    def _list(self, block: DoModel, data: Json, scope: Scope) -> Json:
        """The tasks of a list; `exit` leaves it, a name goes to a sibling."""
        positions = {task.name: index for index, task in enumerate(block.tasks)}
        index = 0
        while index < len(block.tasks):
            data, then = self._task(block.tasks[index], data, scope)
            if then == "end":
                raise Ended(data)
            if then == "exit":
                break
            index = index + 1 if then == "continue" else positions[then]
        return data

    def _task(self, task: TaskModel, raw: Json, scope: Scope) -> tuple[Json, str]:
        """The transformed output of a task, and where it wants to go."""
        at = pointer(task.path)
        descriptor: dict[str, Json] = {
            "name": task.name,
            "reference": at,
            "definition": task.document,
            "input": raw,
            "output": None,
            "startedAt": None,
        }
        variables: dict[str, Json] = {**scope, "context": self._context, "task": descriptor}
        if task.condition is not None and not self._evaluate(task.condition, raw, variables, at):
            return raw, "continue"
        self._tasks.append(at)
        if len(self._tasks) > MAX_TASKS:
            raise TooLong
        data = self._transformed(task.input, raw, variables, at, schema_first=True)
        variables["input"] = data
        output, then = self._body(task, data, variables, scope, at)
        descriptor["output"] = output
        variables["context"] = self._context
        output = self._transformed(task.output, output, variables, at)
        if task.export.expression is not None or task.export.schema is not None:
            self._export(task, output, variables, at)
        return output, then

    def _export(self, task: TaskModel, output: Json, variables: dict[str, Json], at: str) -> None:
        exported = self._context
        if task.export.expression is not None:
            exported = self._evaluate(task.export.expression, output, {**variables, "output": output}, at)
            self._exported = True
        self._validated(task.export, exported, at)
        self._context = exported

    def _body(self, task: TaskModel, data: Json, variables: dict[str, Json], scope: Scope, at: str) -> tuple[Json, str]:
        then = task.then
        match task:
            case DoModel():
                return self._list(task, data, scope), then
            case SetModel():
                return self._evaluate(task.value, data, variables, at), then
            case SwitchModel():
                return data, self._chosen(task, data, variables, at)
            case ForModel():
                return self._loop(task, data, variables, scope, at), then
            case ForkModel():
                return self._fork(task, data, scope), then
            case TryModel():
                return self._try(task, data, variables, scope, at), then
            case RaiseModel():
                raise Raised(_raised(self._evaluate(task.error, data, variables, at), at))
            case WaitModel():
                self._evaluate(task.duration, data, variables, at)
                return data, then
            case CallModel():
                return self._call(task, data, variables, at), then
        raise AssertionError(f"no meaning for {type(task).__name__}")

    def _chosen(self, task: SwitchModel, data: Json, variables: Scope, at: str) -> str:
        for case in task.cases:
            if case.when is not None and self._evaluate(case.when, data, variables, at):
                return case.then
        return next((case.then for case in task.cases if case.when is None), task.then)

    def _loop(self, task: ForModel, data: Json, variables: dict[str, Json], scope: Scope, at: str) -> Json:
        for index, item in enumerate(self._evaluate(task.items, data, variables, at)):
            bound = {task.each: item, task.at: index}
            inner = {**variables, "context": self._context, **bound}
            if task.condition_while is not None and not self._evaluate(task.condition_while, data, inner, at):
                break
            data = self._list(task.body, data, {**scope, **bound})
        return data

    def _fork(self, task: ForkModel, data: Json, scope: Scope) -> Json:
        before, outputs, merged = self._context, [], self._context
        exported_before, exported_here = self._exported, False
        troubles: list[Exception] = []
        for branch in task.branches:
            self._context, self._exported = before, False
            try:
                output, then = self._task(branch, data, scope)
                if then == "end":
                    raise Ended(output)
                outputs.append(output)
            except (Raised, Ended) as trouble:
                troubles.append(trouble)
            if self._exported:
                exported_here = True
                merged = _merged(before, merged, self._context)
        self._context, self._exported = merged, exported_before or exported_here
        if troubles:
            self._context, self._exported = before, exported_before
            self._ambiguous = self._ambiguous or len(troubles) > 1
            self._interrupted = True
            raise troubles[0]
        return outputs

    def _try(self, task: TryModel, data: Json, variables: dict[str, Json], scope: Scope, at: str) -> Json:
        try:
            return self._list(task.body, data, scope)
        except Raised as raised:
            problem = raised.problem
            bound = {task.bind: problem}
            inner = {**variables, "context": self._context, **bound}
            if not self._catches(task, problem, data, inner, at):
                raise
        if task.handler is None:
            return data
        return self._list(task.handler, data, {**scope, **bound})

    def _catches(self, task: TryModel, problem: dict[str, Json], data: Json, inner: Scope, at: str) -> bool:
        wanted = task.errors
        if wanted.type is not None and problems.canonical(wanted.type) != problems.canonical(problem["type"]):
            return False
        for name in ("status", "title", "detail", "instance"):
            value = getattr(wanted, name)
            if value is not None and value != problem.get(name):
                return False
        if task.when is not None and not self._evaluate(task.when, data, inner, at):
            return False
        return task.except_when is None or not self._evaluate(task.except_when, data, inner, at)

    def _call(self, task: CallModel, data: Json, variables: Scope, at: str) -> Json:
        arguments = self._evaluate(task.arguments, data, variables, at)
        answer = self._calls(at, task.function, arguments)
        if answer.error is not None:
            raise Raised({**answer.error, "instance": at})
        return answer.output


def _merged(before: Json, merged: Json, export: Json) -> Json:
    """A branch's export over what is there: of objects only the members that the branch has changed."""
    if not all(isinstance(context, dict) for context in (before, merged, export)):
        return export
    changed = {
        name: value
        for name, value in export.items()
        if name not in before or orjson.dumps(before[name]) != orjson.dumps(value)
    }
    return {**merged, **changed}


def _problem(kind: str, detail: str, at: str) -> dict[str, Json]:
    known = problems.ERROR_TYPES[kind]
    return {"type": kind, "title": known.title, "status": known.status, "detail": detail, "instance": at}


def _raised(error: Json, at: str) -> dict[str, Json]:
    """The error of a `raise` task; what it leaves out comes from its type."""
    status = error["status"]
    if type(status) not in (int, float) or not 100 <= status <= 999:
        return _problem(problems.CONFIGURATION, "not a status", at)
    known = problems.ERROR_TYPES.get(problems.canonical(error["type"]), problems.ERROR_TYPES[problems.RUNTIME])
    made = {"type": error["type"], "title": error.get("title") or known.title, "status": int(status), "instance": at}
    if error.get("detail") is not None:
        made["detail"] = error["detail"]
    return made

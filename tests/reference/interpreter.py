"""What a definition means, said a second time and as plainly as possible: a recursive interpreter of the typed model.

It shares the expressions and the model with the engine and nothing else: no frames, no events, no state that could be
stored. Calls are answered by a function, the branches of a fork run one after the other. Where the order in which
branches end would decide the result (two of them fail, say), `ambiguous` says so, and a comparison has to keep to one
order.

Time passes in waits and in calls, and the timeouts around them end. A timer may come as soon as it is due, or only
after the result that is being waited for (`late`): what has ended by then is over either way, the outermost first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from schemas import problems
from streams.language.constructs import children
from streams.language.constructs.call import CallModel
from streams.language.constructs.defined import DefinedModel
from streams.language.constructs.do import DoModel
from streams.language.constructs.emit import EmitModel
from streams.language.constructs.for_ import ForModel
from streams.language.constructs.foreach import ForeachModel
from streams.language.constructs.fork import ForkModel
from streams.language.constructs.listen import ListenModel
from streams.language.constructs.map_ import MapModel
from streams.language.constructs.raise_ import RaiseModel
from streams.language.constructs.run import RunModel
from streams.language.constructs.set_ import SetModel
from streams.language.constructs.switch import SwitchModel
from streams.language.constructs.try_ import TryModel
from streams.language.constructs.wait import WaitModel
from streams.language.expressions import ExpressionError, members
from streams.language.graph import Expression, Transform
from streams.language.model import TaskModel
from streams.language.source import pointer
from streams.language.undoing import StepModel
from streams.language.workflow import WorkflowModel

Json = Any
Scope = Mapping[str, Json]
Anything = TypeVar("Anything")
MAX_TASKS = 2_000


@dataclass(frozen=True)
class Answer:
    """What came of a call: an output, or an error."""

    output: Json = None
    error: Mapping[str, Json] | None = None
    after_ms: int = 0


def happened(pointer: str, number: int, turn: int) -> Json:
    """The data of an event that a task listens for: by the number of its filter, and how many came before it."""
    return {"order": "o", "at": pointer, "of": [number, turn]}


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
    undone: list[str] = field(default_factory=list)  # pointers of steps
    standing: list[str] = field(default_factory=list)


class Raised(Exception):
    """An error on its way up; `meant` by a `raise`, `answered` by who was called."""

    def __init__(self, problem: dict[str, Json], *, meant: bool = False, answered: bool = False) -> None:
        super().__init__(problem["type"])
        self.problem = problem
        self.meant = meant
        self.answered = answered


class Failed(Exception):
    """Somebody has decided that the instance ends with an error that nobody has caught."""

    def __init__(self, problem: dict[str, Json]) -> None:
        super().__init__(problem["type"])
        self.problem = problem


class Ended(Exception):
    """`then: end` on its way up, with the output of the workflow."""

    def __init__(self, output: Json, last: TaskModel) -> None:
        super().__init__("end")
        self.output = output
        self.gives_up = last.metadata.get("compensate") is True and not isinstance(last, TryModel)


class Expired(Exception):
    """A timeout on its way up to the task that it was given to; no `try` inside that task sees it."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class TooLong(Exception):
    """More tasks were started than a comparison is worth."""


def interpret(
    model: WorkflowModel, data: Json, calls: Calls, *, late: bool = False, mended: Callable[[str], Json] | None = None
) -> Result:
    """Runs one instance to its end; `late` are timers that come after the results.

    With `mended` there are people: what a call has answered and nobody catches they replace by its value for the task,
    and any other error that nobody catches they let be the end.
    """
    return _Interpreter(model, data, calls, late, mended).run()


@dataclass(frozen=True)
class _Place:
    """Where a task is carried out. `scope` is what the loops and handlers around bind."""

    data: Json
    variables: dict[str, Json]
    scope: Scope
    at: str


class _Interpreter:
    def __init__(
        self, model: WorkflowModel, data: Json, calls: Calls, late: bool, mended: Callable[[str], Json] | None
    ) -> None:
        self._late = late
        self._mended = mended
        self._handlers: list[Callable[[dict[str, Json]], bool]] = []  # of the `try` bodies around
        self._now_ms = 0
        self._ends: list[tuple[int, str]] = []  # of the timeouts around, and whose they are, the outermost first
        self._model = model
        self._raw = data
        self._calls = calls
        self._context: Json = {}
        self._exported = False  # whether the context was replaced since the branch we are in began
        self._tasks: list[str] = []
        self._ambiguous = False
        self._interrupted = False
        self._done: list[tuple[str, StepModel, Json, Json]] = []  # what may have to be undone
        self._undoes = _undoes(model.root)  # else nothing is remembered
        self._gives_up = False
        self._undone: list[str] = []
        self._standing: list[str] = []

    def run(self) -> Result:
        try:
            data = self._transformed(self._model.input, self._raw, {}, "/input", schema_first=True)
            output = self._within(self._model.timeout, data, {}, "/timeout", lambda: self._root(data))
            output = self._transformed(self._model.output, output, {"context": self._context}, "/output")
        except (Raised, Failed) as raised:
            self._undo(0)
            named = {"title": raised.problem["type"].rpartition("/")[2], **raised.problem}
            return self._result("faulted", error=named)
        if self._gives_up:
            self._undo(0)
        return self._result("completed", output=output)

    def _root(self, data: Json) -> Json:
        try:
            return self._list(self._model.root, data, {})
        except Ended as ended:
            self._gives_up = ended.gives_up
            return ended.output

    def _result(self, status: str, output: Json = None, error: dict[str, Json] | None = None) -> Result:
        return Result(
            status, output, error, self._tasks, self._ambiguous, self._interrupted, self._undone, self._standing
        )

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
                raise Ended(data, block.tasks[index])
            if then == "exit":
                break
            index = index + 1 if then == "continue" else positions[then]
        return data

    def _task(self, task: TaskModel, raw: Json, scope: Scope) -> tuple[Json, str]:
        """The transformed output of a task, and where it wants to go."""
        try:
            return self._carried_out(task, raw, scope)
        except Raised as raised:
            if self._mended is None or raised.meant or self._caught(raised):
                raise
            raise Failed(raised.problem) from None

    def _caught(self, raised: Raised) -> bool:
        """Whether a `try` around takes the error; one whose condition fails itself is an error on the way up, too."""
        try:
            return any(catches(raised.problem) for catches in reversed(self._handlers))
        except Raised:
            return True

    def _carried_out(self, task: TaskModel, raw: Json, scope: Scope) -> tuple[Json, str]:
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
        place = _Place(data, variables, scope, at)
        try:
            output, then = self._within(
                task.timeout, data, variables, at, lambda: MEANINGS[type(task)](self, task, place)
            )
        except Raised as raised:
            if self._mended is None or not raised.answered or self._caught(raised):
                raise
            output, then = self._mended(at), task.then
        if self._undoes and isinstance(task, StepModel) and (task.undo is not None or task.stands):
            self._done.append((at, task, data, output))
        descriptor["output"] = output
        variables["context"] = self._context
        output = self._transformed(task.output, output, variables, at)
        if task.export.expression is not None or task.export.schema is not None:
            self._export(task, output, variables, at)
        return output, then

    def _undo(self, first: int) -> None:
        """What was done since then is undone, the last first; what cannot be undone stands."""
        handlers, self._handlers = self._handlers, []
        while len(self._done) > first:
            at, step, data, output = self._done.pop()
            try:
                if step.undo is None:
                    self._tasks.append(f"{at}/metadata/compensate")
                    raise Failed({"type": "nobody says how"})
                self._task(step.undo, {"input": data, "output": output}, {})
                self._undone.append(at)
            except (Raised, Failed):
                self._standing.append(at)
        self._handlers = handlers

    def _within(
        self, timeout: Expression | None, data: Json, variables: Scope, at: str, do: Callable[[], Anything]
    ) -> Anything:
        """Does something within the time of a task, or of the workflow."""
        if timeout is None:
            return do()
        self._ends.append((self._now_ms + self._evaluate(timeout, data, variables, at), at))
        depth = len(self._ends)
        try:
            return do()
        except Expired as expired:
            if expired.owner != at:
                raise
            raise Raised(_problem(problems.TIMEOUT, "too late", at)) from None
        finally:
            del self._ends[depth - 1 :]

    def _elapse(self, until_ms: int, now_ms: int) -> None:
        """Time passes until then, unless a timeout around ends first; `now_ms` is when that is noticed."""
        if all(until_ms < end for end, _ in self._ends):
            self._now_ms = until_ms
            return
        self._now_ms = max(now_ms, min(end for end, _ in self._ends))
        raise Expired(next(owner for end, owner in self._ends if end <= self._now_ms))

    def _export(self, task: TaskModel, output: Json, variables: dict[str, Json], at: str) -> None:
        exported = self._context
        if task.export.expression is not None:
            exported = self._evaluate(task.export.expression, output, {**variables, "output": output}, at)
            self._exported = True
        self._validated(task.export, exported, at)
        self._context = exported

    def _do(self, task: DoModel, place: _Place) -> tuple[Json, str]:
        return self._list(task, place.data, place.scope), task.then

    def _set(self, task: SetModel, place: _Place) -> tuple[Json, str]:
        return self._evaluate(task.value, place.data, place.variables, place.at), task.then

    def _switch(self, task: SwitchModel, place: _Place) -> tuple[Json, str]:
        for case in task.cases:
            if case.when is not None and self._evaluate(case.when, place.data, place.variables, place.at):
                return place.data, case.then
        return place.data, next((case.then for case in task.cases if case.when is None), task.then)

    def _for(self, task: ForModel, place: _Place) -> tuple[Json, str]:
        data = place.data
        for index, item in enumerate(self._evaluate(task.items, data, place.variables, place.at)):
            bound = {task.each: item, task.at: index}
            inner = {**place.variables, "context": self._context, **bound}
            if task.condition_while is not None and not self._evaluate(task.condition_while, data, inner, place.at):
                break
            data = self._list(task.body, data, {**place.scope, **bound})
        return data, task.then

    def _map(self, task: MapModel, place: _Place) -> tuple[Json, str]:
        """One after the other; where several fail, which of them ends the others depends on when."""
        assert task.body is not None
        outputs: list[Json] = []
        troubles: list[Raised] = []
        depth = len(self._handlers)
        for index, item in enumerate(self._evaluate(task.items, place.data, place.variables, place.at)):
            bound = {task.each: item, task.at: index}
            try:
                element = self._evaluate(task.element, place.data, {**place.variables, **bound}, place.at)
            except Raised as raised:
                troubles.append(raised)
                break
            if task.collects:
                self._handlers.append(lambda problem: True)
            try:
                output, _ = self._task(task.body, element, {**place.scope, **bound})
                outputs.append({"output": output} if task.collects else output)
            except Raised as raised:
                if task.collects:
                    outputs.append({"error": raised.problem})
                else:
                    troubles.append(raised)
            finally:
                del self._handlers[depth:]
        if troubles:
            self._ambiguous = self._ambiguous or len(troubles) > 1
            self._interrupted = True
            raise troubles[0]
        return outputs, task.then

    def _compete(self, task: ForkModel, place: _Place) -> tuple[Json, str]:
        """The only branch that succeeds wins; of several, or where none does, the order would decide."""
        before, exported_before = self._context, self._exported
        won: list[tuple[Json, Json, bool]] = []
        trouble: Raised | None = None
        depth = len(self._handlers)
        for branch in task.branches:
            self._context, self._exported = before, False
            if len(task.branches) > 1:
                self._handlers.append(lambda problem: True)
            try:
                output, then = self._task(branch, place.data, place.scope)
                if then == "end":
                    raise Ended(output, branch)
                won.append((output, self._context, self._exported))
            except Raised as raised:
                trouble = raised
            except (Ended, Failed):
                self._ambiguous = self._ambiguous or len(task.branches) > 1
                self._context, self._exported = before, exported_before
                raise
            finally:
                del self._handlers[depth:]
        self._context, self._exported = before, exported_before
        self._interrupted = self._interrupted or len(task.branches) > 1
        self._ambiguous = self._ambiguous or (len(won) != 1 and len(task.branches) > 1)
        if not won:
            assert trouble is not None
            raise trouble
        output, context, exported = won[0]
        if exported:
            self._context, self._exported = merged(before, before, context), True
        return output, task.then

    def _fork(self, task: ForkModel, place: _Place) -> tuple[Json, str]:
        if task.compete:
            return self._compete(task, place)
        before, outputs, joined = self._context, [], self._context
        exported_before, exported_here = self._exported, False
        troubles: list[Exception] = []
        for branch in task.branches:
            self._context, self._exported = before, False
            try:
                output, then = self._task(branch, place.data, place.scope)
                if then == "end":
                    raise Ended(output, branch)
                outputs.append(output)
            except (Raised, Ended, Failed) as trouble:
                troubles.append(trouble)
            if self._exported:
                exported_here = True
                joined = merged(before, joined, self._context)
        self._context, self._exported = joined, exported_before or exported_here
        if troubles:
            self._context, self._exported = before, exported_before
            self._ambiguous = self._ambiguous or len(troubles) > 1
            self._interrupted = True
            raise troubles[0]
        return outputs, task.then

    def _try(self, task: TryModel, place: _Place) -> tuple[Json, str]:
        data, scope = place.data, place.scope

        def catches(problem: dict[str, Json]) -> bool:
            inner = {**place.variables, "context": self._context, task.bind: problem}
            return self._catches(task, problem, data, inner, place.at)

        depth, done = len(self._handlers), len(self._done)
        self._handlers.append(catches)
        try:
            return self._list(task.body, data, scope), task.then
        except Raised as raised:
            del self._handlers[depth:]
            problem = raised.problem
            bound = {task.bind: problem}
            inner = {**place.variables, "context": self._context, **bound}
            if not self._catches(task, problem, data, inner, place.at):
                raise
            if task.compensates:
                self._undo(done)
        finally:
            del self._handlers[depth:]
        then = task.caught or task.then
        if task.handler is None:
            return data, then
        return self._list(task.handler, data, {**scope, **bound}), then

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

    def _listen(self, task: ListenModel, place: _Place) -> tuple[Json, str]:
        """Of several events that any would do, the first comes first."""
        for one in task.filters:
            for value in one.values:
                expected = value.expected
                if expected is not None and self._evaluate(expected, place.data, place.variables, place.at) is None:
                    raise Raised(_problem(problems.EXPRESSION, "null", place.at))
        numbers = range(task.wanted) if task.strategy == "all" else (0,)
        came = [happened(place.at, number, 0) for number in numbers]
        read = [orjson.dumps(each).decode() if task.read == "raw" else each for each in came]
        for until in task.until:
            assert until.condition is not None
            while not self._evaluate(until.condition, read, place.variables, place.at):
                another = happened(place.at, 0, len(read))
                read.append(orjson.dumps(another).decode() if task.read == "raw" else another)
        return read, task.then

    def _foreach(self, task: ForeachModel, place: _Place) -> tuple[Json, str]:
        """The events come before the first of them is worked on: it makes no difference."""
        came, then = self._listen(task, place)
        outputs = []
        for index, item in enumerate(came):
            bound = {task.each: item, task.at: index}
            output = self._list(task.body, place.data, {**place.scope, **bound})
            inner = {**place.variables, "context": self._context, **bound}
            output = self._transformed(task.body.output, output, inner, place.at)
            if task.body.export.expression is not None:
                self._export(task.body, output, inner, place.at)
            outputs.append(output)
        return outputs, then

    def _raise(self, task: RaiseModel, place: _Place) -> tuple[Json, str]:
        error = _raised(self._evaluate(task.error, place.data, place.variables, place.at), place.at)
        raise Raised(error, meant=error["type"] != problems.CONFIGURATION)

    def _wait(self, task: WaitModel, place: _Place) -> tuple[Json, str]:
        length_ms = self._evaluate(task.duration, place.data, place.variables, place.at)
        until_ms = self._now_ms + length_ms
        if task.calendar is not None and length_ms > 0:
            until_ms = task.calendar.after(self._now_ms, length_ms)
        if self._ends and self._ends[-1] == (until_ms, place.at):
            self._ends.pop()  # what it waits for has happened
        self._elapse(until_ms, 0)
        return place.data, task.then

    def _call(self, task: CallModel, place: _Place) -> tuple[Json, str]:
        return self._asked(task, task.function, task.arguments, place)

    def _defined(self, task: DefinedModel, place: _Place) -> tuple[Json, str]:
        data = place.data
        if task.arguments is not None:
            data = self._evaluate(task.arguments, data, place.variables, place.at)
        output, then = self._task(task.body, data, {})
        if then == "end":
            raise Ended(output, task.body)
        return output, task.then

    def _emit(self, task: EmitModel, place: _Place) -> tuple[Json, str]:
        return self._asked(task, "emit", members({"event": task.event}), place)

    def _run(self, task: RunModel, place: _Place) -> tuple[Json, str]:
        return self._asked(task, "run", task.arguments, place, {"depth": 1})

    def _asked(
        self, task: TaskModel, function: str, asked: Expression, place: _Place, more: Scope | None = None
    ) -> tuple[Json, str]:
        arguments = self._evaluate(asked, place.data, place.variables, place.at) | (more or {})
        answer = self._calls(place.at, function, arguments)
        until_ms = self._now_ms + answer.after_ms
        self._elapse(until_ms, until_ms if self._late else 0)
        if answer.error is not None:
            raise Raised({**answer.error, "instance": place.at}, answered=True)
        return answer.output, task.then


MEANINGS: Mapping[type[TaskModel], Callable[[_Interpreter, Any, _Place], tuple[Json, str]]] = {
    CallModel: _Interpreter._call,
    DefinedModel: _Interpreter._defined,
    DoModel: _Interpreter._do,
    EmitModel: _Interpreter._emit,
    ForModel: _Interpreter._for,
    ForeachModel: _Interpreter._foreach,
    ForkModel: _Interpreter._fork,
    ListenModel: _Interpreter._listen,
    MapModel: _Interpreter._map,
    RaiseModel: _Interpreter._raise,
    RunModel: _Interpreter._run,
    SetModel: _Interpreter._set,
    SwitchModel: _Interpreter._switch,
    TryModel: _Interpreter._try,
    WaitModel: _Interpreter._wait,
}
"""What a task of each kind gives, and where it wants to go: one row for each construct of the language."""


def _undoes(task: TaskModel) -> bool:
    """Whether some step in it says how it is undone."""
    return (isinstance(task, StepModel) and task.undo is not None) or any(map(_undoes, children(task)))


Way = tuple[str, ...]
_EMPTY: dict[str, Json] = {}  # a new object without members


def merged(before: Json, there: Json, export: Json) -> Json:
    """A branch's export over what is there: first what it has changed, member by member, then each change."""
    if not all(isinstance(context, dict) for context in (before, there, export)):
        return export
    there = orjson.loads(orjson.dumps(there))
    for way, value in _changes(before, export):
        there = _changed(there, way, value, export)
    return there


def _changes(before: Json, export: dict[str, Json]) -> Iterator[tuple[Way, Json]]:
    """The members that differ, each with the way to it, as deep as both are objects."""
    for name, value in export.items():
        old = before.get(name, {})
        if isinstance(old, dict) and isinstance(value, dict) and (value or name in before):
            yield from (((name, *way), inner) for way, inner in _changes(old, value))
        elif name not in before and value == {}:
            yield (name,), _EMPTY
        elif name not in before or _canonical(old) != _canonical(value):
            yield (name,), value


def _changed(there: Json, way: Way, value: Json, export: Json) -> Json:
    """`there` with the value there; what is no object on the way to it becomes what the branch has there."""
    if not isinstance(there, dict):
        return export
    name, *rest = way
    if rest and name in there:
        return {**there, name: _changed(there[name], tuple(rest), value, export[name])}
    if rest:
        return {**there, name: export[name]}
    if value is _EMPTY and isinstance(there.get(name), dict):
        return there
    return {**there, name: value}


def _canonical(value: Json) -> bytes:
    """The same bytes for what is equal as JSON."""
    return orjson.dumps(_numbers(value), option=orjson.OPT_SORT_KEYS)


def _numbers(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_numbers(element) for element in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _problem(kind: str, detail: str, at: str) -> dict[str, Json]:
    known = problems.ERROR_TYPES[kind]
    return {"type": kind, "title": known.title, "status": known.status, "detail": detail, "instance": at}


def _raised(error: Json, at: str) -> dict[str, Json]:
    """The error of a `raise` task; what it leaves out comes from its type."""
    status = error["status"]
    if type(status) not in (int, float) or not 100 <= status <= 999:
        return _problem(problems.CONFIGURATION, "not a status", at)
    made = {"type": error["type"], "status": int(status), "instance": at}
    known = problems.ERROR_TYPES.get(problems.canonical(error["type"]))
    if known is not None:
        made["title"] = known.title
    for name in ("title", "detail"):
        if error.get(name) is not None:
            made[name] = error[name] if isinstance(error[name], str) else orjson.dumps(error[name]).decode()
    return made

"""`try`: a list of tasks, and what becomes of an error in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from schemas.recovery import Policy
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.constructs.do import DoModel, read_list, read_list_under
from streams.language.forms import CONDITION, TASKS, TEXT, closed
from streams.language.graph import Expression, Flow, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.recovery import NAMED_OR_RETRY, read_retry
from streams.language.slots import BODY, VARIABLE_FORM, Scope, read_condition, read_variable
from streams.language.source import Path
from streams.language.undoing import read_caught

_STATIC = {"type": "string", "not": {"pattern": r"\$\{"}}
_ERROR = closed(
    {"type": _STATIC, "status": {"type": "integer"}, "title": _STATIC, "detail": _STATIC, "instance": _STATIC}
)
_FILTER = closed({"with": _ERROR}, ["with"])
_MEMBER = re.compile(r"(?<![\w\])}\".?$])\.([A-Za-z_]\w*)")  # read from what `.` is
_CATCH = closed(
    {
        "errors": _FILTER,
        "as": VARIABLE_FORM,
        "when": CONDITION,
        "exceptWhen": CONDITION,
        "retry": NAMED_OR_RETRY,
        "do": TASKS,
        "then": TEXT,
    }
)


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """`catch.errors.with`: the static part; None matches everything."""

    type: str | None = None  # either family of error type URIs is accepted
    status: int | None = None
    title: str | None = None
    detail: str | None = None
    instance: str | None = None

    def members(self) -> dict[str, str | int] | None:
        """Those that an error has to have; None where any will do."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None} or None


@dataclass(frozen=True, slots=True, kw_only=True)
class TryModel(TaskModel):
    """`try` and `catch`."""

    body: DoModel
    errors: ErrorFilter
    bind: str
    when: Expression | None
    except_when: Expression | None
    handler: DoModel | None
    caught: str | None = None  # `catch.then`
    retry: Policy | None = None  # of the calls in the body
    compensates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Try(Task):
    """Its body; if that raises an error that matches, the handler instead."""

    body: int  # index of a Do
    errors: ErrorFilter = ErrorFilter()
    bind: str = "error"  # `catch.as`
    when: Expression | None = None
    except_when: Expression | None = None
    handler: int = -1  # index of a Do; -1: the error is swallowed and the task's input goes on as its output
    caught: Flow | None = None  # where the flow goes after an error was caught; None: where it goes without one
    compensates: bool = False  # the steps in its body are undone before an error is handled


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> TryModel:
    catch = node.optional("catch")
    parts: dict[str, Node] = {}
    if catch is not None:
        parts = catch.parts(_CATCH, example="catch: {as: error, do: [...]}")
    bind = read_variable(parts.get("as"), "error")
    inner = scope | {bind}
    errors = _errors(parts["errors"]) if "errors" in parts else ErrorFilter()
    for key in ("when", "exceptWhen"):
        if key in parts:
            _warn_of_members(parts[key], bind)
    return TryModel(
        **common,
        body=read_list_under(reader, node, "try", scope),
        errors=errors,
        bind=bind,
        when=read_condition(parts["when"], BODY, inner) if "when" in parts else None,
        except_when=read_condition(parts["exceptWhen"], BODY, inner) if "exceptWhen" in parts else None,
        handler=read_list(reader, parts["do"], inner) if "do" in parts else None,
        caught=parts["then"].text("then: continue") if "then" in parts else None,
        retry=read_retry(parts["retry"], reader.retries, errors.members()) if "retry" in parts else None,
        compensates=read_caught(node),
    )


def _warn_of_members(node: Node, bind: str) -> None:
    """Other engines evaluate these conditions on the error; here it has a name, and `.` is the input of the `try`."""
    if not isinstance(node.value, str) or f"${bind}" in node.value:
        return
    read = set(_MEMBER.findall(node.value))
    if read and read <= _ERROR["properties"].keys():
        message = f"`.` in `{node.name}` is the input of the `try` and not the error"
        node.warn("error-members", message, f"write ${bind}.{sorted(read)[0]} where the error is meant")


def _errors(node: Node) -> ErrorFilter:
    example = "errors: {with: {status: 503}}"
    parts = node.parts(_FILTER, example=example)
    if "with" not in parts:
        return ErrorFilter()
    values: dict[str, Any] = {}
    for name, part in parts["with"].parts(_ERROR, example=example).items():
        wanted = int if name == "status" else str
        if type(part.value) is not wanted:
            part.wrong_type("a whole number" if wanted is int else "a text", example)
        elif "${" in str(part.value):
            part.fault("value", "the error filter is static", "compare in `when`: ${ $error.title == ... }")
        else:
            values[name] = part.value
    return ErrorFilter(**values)


def _compiled(model: TryModel, links: Links, fields: Fields) -> Try:
    return Try(
        **fields,
        body=links.number(model.body),
        errors=model.errors,
        bind=model.bind,
        when=model.when,
        except_when=model.except_when,
        handler=links.number(model.handler),
        caught=links.flow(model.caught, model) if model.caught is not None else None,
        compensates=model.compensates,
    )


def _jumps(model: TryModel) -> Iterator[tuple[str, Path]]:
    if model.caught is not None:
        yield model.caught, (*model.path, "catch", "then")


def _goes_on(model: TryModel) -> Iterator[str]:
    yield model.then
    if model.caught is not None:
        yield model.caught


TRY = Construct(
    key="try",
    summary="`catch` with `errors.with`, `as`, `when`, `exceptWhen`, `retry`, `do`, `then`",
    keys={"try": TASKS, "catch": _CATCH},
    required=("try", "catch"),
    model=TryModel,
    task=Try,
    read=_read,
    compiled=_compiled,
    children=lambda model: (model.body,) if model.handler is None else (model.body, model.handler),
    retry=lambda model: model.retry,
    late=lambda model: (model.when, model.except_when),
    jumps=_jumps,
    goes_on=_goes_on,
    compensates=True,
)

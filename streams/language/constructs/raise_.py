"""`raise`: an error of the definition's own (RFC 9457)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.expressions import Constant, inner_text
from streams.language.forms import EXPRESSION, JSON, TEXT, closed, either
from streams.language.graph import Expression, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_template
from streams.language.uses import ERRORS, named

_EXAMPLE = "raise: {error: {type: https://example.com/errors/refused, status: 400, title: Refused}}"
_STATUS = either({"type": "integer", "minimum": 100, "maximum": 999}, EXPRESSION)
ERROR_FORM = closed(
    {"type": JSON, "status": _STATUS, "title": JSON, "detail": JSON, "instance": JSON}, ["type", "status"]
)
_RAISE = closed({"error": either(ERROR_FORM, TEXT)}, ["error"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseModel(TaskModel):
    """`raise`."""

    error: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise(Task):
    """Raises an error (RFC 9457 members type, status, title, detail)."""

    error: Expression


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> RaiseModel:
    parts = node.child("raise").parts(_RAISE, example=_EXAMPLE)
    error = parts.get("error")
    elsewhere = error is not None and isinstance(error.value, str) and inner_text(error.value) is None
    return RaiseModel(**common, error=_error(error, scope) if error is not None else Constant({}), elsewhere=elsewhere)


def _error(node: Node, scope: Scope) -> Expression:
    if isinstance(node.value, str) and inner_text(node.value) is None:
        found = named(node, ERRORS)
        return read_error(found) if found is not None else Constant({})
    if not isinstance(node.value, str):
        parts = node.parts(ERROR_FORM, example=_EXAMPLE)
        if "status" in parts:
            _status(parts["status"])
        if "type" in parts:
            _type(parts["type"])
    return read_template(node, BODY, scope)


def read_error(node: Node) -> Expression:
    """An error under `use.errors`."""
    if isinstance(node.value, str) and inner_text(node.value) is None:
        node.wrong_type("an error", _EXAMPLE.removeprefix("raise: "))
        return Constant({})
    return _error(node, frozenset())


def _status(node: Node) -> None:
    if _is_expression(node):
        return
    if type(node.value) is not int:
        node.wrong_type("a whole number", "status: 400")
    elif not 100 <= node.value <= 999:
        node.fault("value", "a status lies between 100 and 999", "write status: 400")


def _type(node: Node) -> None:
    if _is_expression(node):
        return
    text = node.text("type: https://example.com/errors/refused")
    if text and "${" not in text and re.search(r"\s", text):
        node.fault(
            "uri", "the type of an error is a URI, without blanks", "write type: https://example.com/errors/refused"
        )


def _is_expression(node: Node) -> bool:
    return isinstance(node.value, str) and inner_text(node.value) is not None


def _compiled(model: RaiseModel, links: Links, fields: Fields) -> Raise:
    return Raise(**fields, error=model.error)


RAISE = Construct(
    key="raise",
    summary="`error` with `type`, `status`, `title`, `detail`, `instance`, an expression, or one of `use.errors`",
    keys={"raise": _RAISE},
    required=("raise",),
    model=RaiseModel,
    task=Raise,
    read=_read,
    compiled=_compiled,
    goes_on=lambda model: (),
)

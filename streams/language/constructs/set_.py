"""`set`: a value becomes the data; it replaces what was there."""

from __future__ import annotations

from dataclasses import dataclass

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.expressions import Constant, inner_text
from streams.language.forms import EXPRESSION, OBJECT, either
from streams.language.graph import Expression, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_template


@dataclass(frozen=True, slots=True, kw_only=True)
class SetModel(TaskModel):
    """`set`."""

    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Task):
    """Its value becomes the data (replaces, does not merge)."""

    value: Expression


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> SetModel:
    return SetModel(**common, value=_value(node.child("set"), scope))


def _value(node: Node, scope: Scope) -> Expression:
    example = "set: ${ .order } or set: {total: '${ .sum }'}"
    if isinstance(node.value, str) and inner_text(node.value) is None:
        node.fault("type", "`set` takes an object or an expression", f"write {example}")
    elif not isinstance(node.value, dict | str):
        node.wrong_type("an object or an expression", example)
    else:
        return read_template(node, BODY, scope)
    return Constant(None)


def _compiled(model: SetModel, links: Links, fields: Fields) -> Set:
    return Set(**fields, value=model.value)


SET = Construct(
    key="set",
    summary="an object with expressions in it, or an expression; it becomes the data",
    keys={"set": either(OBJECT, EXPRESSION)},
    required=("set",),
    model=SetModel,
    task=Set,
    read=_read,
    compiled=_compiled,
)

"""`for`: a list of tasks for each element, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.constructs.do import DoModel, read_list_under
from streams.language.expressions import Constant
from streams.language.forms import COLLECTION, CONDITION, TASKS, closed
from streams.language.graph import Expression, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, VARIABLE_FORM, Scope, read_collection, read_condition, read_variable

_FOR = closed({"each": VARIABLE_FORM, "in": COLLECTION, "at": VARIABLE_FORM}, ["in"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ForModel(TaskModel):
    """`for`."""

    items: Expression
    each: str
    at: str
    condition_while: Expression | None
    body: DoModel


@dataclass(frozen=True, slots=True, kw_only=True)
class For(Task):
    """Sequential loop; the output of one iteration is the input of the next."""

    items: Expression
    each: str = "item"
    at: str = "index"
    condition_while: Expression | None = None
    body: int = -1  # index of a Do


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> ForModel:
    loop = node.child("for")
    parts = loop.parts(_FOR, example="for: {each: item, in: '${ .items }'}")
    each = read_variable(parts.get("each"), "item")
    at = read_variable(parts.get("at"), "index")
    if each == at:
        loop.fault("name", "`each` and `at` have the same name", "give one of them another name")
    inner = scope | {each, at}
    condition = node.optional("while")
    return ForModel(
        **common,
        items=read_collection(parts["in"], BODY, scope) if "in" in parts else Constant([]),
        each=each,
        at=at,
        condition_while=read_condition(condition, BODY, inner) if condition is not None else None,
        body=read_list_under(reader, node, "do", inner),
    )


def _compiled(model: ForModel, links: Links, fields: Fields) -> For:
    return For(
        **fields,
        items=model.items,
        each=model.each,
        at=model.at,
        condition_while=model.condition_while,
        body=links.number(model.body),
    )


FOR = Construct(
    key="for",
    summary="`each`, `in`, `at`; one iteration after the other, its output is the input of the next",
    keys={"for": _FOR, "while": CONDITION, "do": TASKS},
    required=("for", "do"),
    model=ForModel,
    task=For,
    read=_read,
    compiled=_compiled,
    children=lambda model: (model.body,),
    late=lambda model: (model.condition_while,),
)

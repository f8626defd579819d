"""`call: map`: another workflow for each element of a list, so many of them at a time.

Written as a call, and more than a step: the task is open around one `run` for each element, and no processor ever sees
a command of the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.functions import Function
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.constructs.run import WORKFLOW, RunModel, read_name
from streams.language.expressions import Constant, expression, members
from streams.language.forms import OBJECT, TEXT
from streams.language.graph import Expression, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_collection, read_transform, read_variable

FUNCTION: Final = "map"
STOP: Final = "stop"
COLLECT: Final = "collect"
AT_A_TIME = 10  # unless said
MAX_AT_A_TIME = 1_000
MAX_ELEMENTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MapModel(TaskModel):
    """`call: map`."""

    items: Expression
    each: str
    at: str
    element: Expression
    at_a_time: int
    collects: bool
    body: RunModel | None  # None where a fault stands in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Task):
    """An instance of another workflow for each element; their outputs as a list, in the order of the elements."""

    items: Expression
    each: str = "item"
    at: str = "index"
    element: Expression  # the input for one of them
    at_a_time: int = AT_A_TIME
    collects: bool = False  # what fails is part of the output, and the others go on
    body: int = -1  # index of a Run, whose data is its input


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> MapModel:
    """The arguments are those that the function declares; what they mean is known here alone."""
    parts = _parts(node, reader.functions[FUNCTION]) if FUNCTION in reader.functions else {}
    for key in ("recovery", "effect", "probe"):
        said = node.value.get("metadata")
        if isinstance(said, dict) and key in said:
            message = f"`metadata.{key}` says nothing of `call: map`, which asks no system itself"
            node.child("metadata").child(key).fault("metadata", message, "say it in the other workflow", key=True)
    each, at = read_variable(parts.get("each"), "item"), read_variable(parts.get("at"), "index")
    if each == at:
        node.child("with").fault("name", "`each` and `at` have the same name", "give one of them another name")
    element, body = _workflow(parts.get("workflow"), each, scope | {each, at})
    failure = parts["failure"].choice((STOP, COLLECT), f"failure: {COLLECT}") if "failure" in parts else STOP
    return MapModel(
        **common,
        items=read_collection(parts["in"], BODY, scope) if "in" in parts else Constant([]),
        each=each,
        at=at,
        element=element,
        at_a_time=_at_a_time(parts.get("concurrency")),
        collects=failure == COLLECT,
        body=body,
    )


def _parts(node: Node, function: Function) -> dict[str, Node]:
    given = node.optional("with")
    if given is None:
        node.fault("missing", "`call: map` lacks `with`", f"write with: {function.example}", key=True)
        return {}
    required = [each.name for each in function.arguments if each.required]
    known = [each.name for each in function.arguments]
    return given.members(known, required=required, example=f"with: {function.example}")


def _workflow(node: Node | None, each: str, scope: Scope) -> tuple[Expression, RunModel | None]:
    said = node.parts(WORKFLOW, example="workflow: {namespace: sales, name: refund}") if node is not None else {}
    element = read_transform(said["input"], BODY, scope) if "input" in said else expression(f"${each}")
    if node is None:
        return element, None
    asked = members({"await": Constant(True), **read_name(said), "input": expression(".")})
    return element, RunModel(name=node.name, path=node.path, arguments=asked)


def _at_a_time(node: Node | None) -> int:
    if node is None:
        return AT_A_TIME
    if type(node.value) is int and 1 <= node.value <= MAX_AT_A_TIME:
        return node.value
    message = f"`concurrency` is a whole number from 1 to {MAX_AT_A_TIME}"
    node.fault("value", message, f"write concurrency: {AT_A_TIME}")
    return AT_A_TIME


def _compiled(model: MapModel, links: Links, fields: Fields) -> Map:
    return Map(
        **fields,
        items=model.items,
        each=model.each,
        at=model.at,
        element=model.element,
        at_a_time=model.at_a_time,
        collects=model.collects,
        body=links.number(model.body),
    )


MAP = Construct(
    key=f"call: {FUNCTION}",
    summary="another workflow for each element of a list",
    keys={"call": TEXT, "with": OBJECT},
    required=("call", "with"),
    model=MapModel,
    task=Map,
    read=_read,
    compiled=_compiled,
    children=lambda model: () if model.body is None else (model.body,),
    late=lambda model: (model.element,),
)

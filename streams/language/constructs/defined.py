"""`call` of a function that the definition has itself, under `use.functions`: a task that is written once.

What `with` gives is the input of that task, and its output is that of the call. At each place where it is called it
has a pointer of its own, below the call, so its steps are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.language import profile
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.forms import OBJECT, TEXT
from streams.language.graph import Expression, Task
from streams.language.model import CONTINUE, TaskModel
from streams.language.nodes import Node
from streams.language.reader import DEFINED_KEY, Reader
from streams.language.slots import BODY, Scope, read_template
from streams.language.uses import FUNCTIONS, defined

MAX_CALLS = 8  # of functions by functions


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinedModel(TaskModel):
    """`call` of a function under `use.functions`."""

    arguments: Expression | None  # None: the input of the call
    body: TaskModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined(Task):
    """Carries out a task that stands elsewhere in the definition."""

    arguments: Expression | None
    body: int


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> DefinedModel:
    call, given = node.child("call"), node.optional("with")
    for key in ("recovery", "effect", "probe"):
        said = node.value.get("metadata")
        if isinstance(said, dict) and key in said:
            message = f"`metadata.{key}` says nothing of a function of the definition, which asks no system itself"
            remedy = f"say it in `use.functions.{call.value}`"
            node.child("metadata").child(key).fault("metadata", message, remedy, key=True)
    if given is not None and not isinstance(given.value, dict):
        given.wrong_type("an object", "with: {order: '${ .id }'}")
        given = None
    arguments = read_template(given, BODY, scope) if given is not None else None
    return DefinedModel(**common, arguments=arguments, body=_body(reader, call))


def _body(reader: Reader, call: Node) -> TaskModel:
    path, name = (*call.path, call.value), str(call.value)
    function = defined(call, FUNCTIONS)
    if name in reader.within or len(reader.within) == MAX_CALLS or function is None:
        message = (
            f"the function `{name}` calls itself" if name in reader.within else "functions call each other too deep"
        )
        call.fault("circle", message, "write its tasks where they are needed, or a workflow of its own (`run`)")
        return TaskModel(name=name, path=path)
    function.source.mirror(function.path, path, function.value)
    with reader.inside(name):
        return reader.task(Node(call.source, path, function.value), frozenset())


def read_functions(reader: Reader, node: Node) -> None:
    """Notes every fault of what stands under `use.functions`, whether it is called or not."""
    if not isinstance(node.value, dict):
        node.wrong_type("an object", "functions: {ask: {call: http, with: {...}}}")
        return
    for name in node.value:
        function = node.child(name)
        if name in reader.every or name in profile.CALLS or ":" in name:
            function.fault("name", f"a function of the definition can't be called `{name}`", "rename it", key=True)
        with reader.inside(str(name)):
            if reader.task(function, frozenset()).then != CONTINUE:
                message = "the flow goes on where the function is called"
                function.child("then").fault("goto", message, "leave `then` out, and say it at the call", key=True)


def _compiled(model: DefinedModel, links: Links, fields: Fields) -> Defined:
    return Defined(**fields, arguments=model.arguments, body=links.number(model.body))


DEFINED = Construct(
    key=DEFINED_KEY,
    summary="a function of the definition",
    keys={"call": TEXT, "with": OBJECT},
    required=("call",),
    model=DefinedModel,
    task=Defined,
    read=_read,
    compiled=_compiled,
    children=lambda model: (model.body,),
)

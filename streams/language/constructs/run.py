"""`run`: another workflow, as an instance of its own. A step like a call, of a function that its processor declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streams.language import profile
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.constructs.call import Call
from streams.language.expressions import Constant, members
from streams.language.forms import FIXED_TEXT, closed
from streams.language.graph import Expression
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_transform
from streams.language.undoing import StepModel, children, read_undo

FUNCTION: Final = "run"
"""The function that carries it out, declared by its processor."""

LATEST: Final = "latest"

_EXAMPLE = "run: {workflow: {namespace: sales, name: refund, input: {order: '${ .id }'}}}"
WORKFLOW = closed(
    {"namespace": FIXED_TEXT, "name": FIXED_TEXT, "version": FIXED_TEXT, "input": {"type": ["object", "string"]}},
    ["namespace", "name"],
)
_RUN = closed({"workflow": WORKFLOW, "await": {"type": "boolean"}}, ["workflow"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunModel(StepModel):
    """`run: workflow`."""

    arguments: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Call):
    """Starts an instance of another workflow; what that gives becomes the output."""


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> RunModel:
    run = node.child("run")
    others = isinstance(run.value, dict) and bool(run.value.keys() & profile.RUN.keys())
    parts = run.members(
        _RUN["properties"], required=() if others else ("workflow",), refused=profile.RUN, example=_EXAMPLE
    )
    awaited = "await" not in parts or parts["await"].flag("await: false") is not False
    arguments: dict[str, Expression] = {"await": Constant(awaited)}
    if "workflow" in parts:
        said = parts["workflow"].parts(WORKFLOW, example=_EXAMPLE)
        arguments |= read_name(said)
        arguments["input"] = read_transform(said["input"], BODY, scope) if "input" in said else Constant({})
    common = read_undo(reader, node, common, reader.every.get(FUNCTION))
    return RunModel(**common, arguments=members(arguments))


def read_name(said: Mapping[str, Node]) -> dict[str, Expression]:
    """Which workflow is meant."""
    names = ("namespace", "name", "version")
    return {name: Constant(said[name].fixed_text("write a text")) for name in names if name in said}


def _compiled(model: RunModel, links: Links, fields: Fields) -> Run:
    return Run(**fields, function=FUNCTION, arguments=model.arguments, undo=links.undo(model))


RUN = Construct(
    key="run",
    summary="`workflow` (`namespace`, `name`, `version`, `input`), `await`; another workflow, an instance of its own",
    keys={"run": _RUN},
    required=("run",),
    model=RunModel,
    task=Run,
    read=_read,
    compiled=_compiled,
    children=children,
    compensates=True,
)

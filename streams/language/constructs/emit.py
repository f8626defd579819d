"""`emit`: publishes a business event. A step like a call, of a function that its processor declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from schemas.cloudevents import REQUIRED, SPEC_VERSION, check_attributes
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.constructs.call import Call
from streams.language.expressions import Constant, inner_text, members
from streams.language.forms import OBJECT, closed
from streams.language.graph import Expression
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_template
from streams.language.undoing import StepModel, children, read_undo

FUNCTION: Final = "emit"
"""The function that carries it out, declared by its processor."""

_EXAMPLE = "emit: {event: {with: {type: com.example.order.paid.v1, subject: '${ .order }', data: '${ . }'}}}"
_EVENT = closed({"event": closed({"with": OBJECT}, ["with"])}, ["event"])
_DATA = "data"
_LATER = dict.fromkeys(REQUIRED, "/later")  # stands in for what an expression, or the processor, will say


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitModel(StepModel):
    """`emit`."""

    event: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit(Call):
    """Publishes an event; the event that went out becomes the output."""


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> EmitModel:
    common = read_undo(reader, node, common, reader.every.get(FUNCTION))
    event = node.child("emit").parts(_EVENT, example=_EXAMPLE).get("event")
    given = event.parts(_EVENT["properties"]["event"], example=_EXAMPLE).get("with") if event is not None else None
    if given is None:
        return EmitModel(**common, event=Constant({}))
    if not isinstance(given.value, dict):
        given.wrong_type("an object", _EXAMPLE)
        return EmitModel(**common, event=Constant({}))
    if "type" not in given.value:
        given.fault("missing", "`with` lacks `type`", "write type: com.example.order.paid.v1", key=True)
    _check(given)
    return EmitModel(**common, event=read_template(given, BODY, scope))


def _check(given: Node) -> None:
    """What is known of the attributes already must be what CloudEvents allows."""
    attributes = dict(given.value)
    attributes.pop(_DATA, None)
    known: dict[str, Any] = {name: value for name, value in attributes.items() if value is not None}
    for name, value in list(known.items()):
        if isinstance(value, str):
            if inner_text(value) is not None:
                known[name] = _LATER.get(name, "later")
        else:
            given.child(name).wrong_type("a text or an expression", f"{name}: text")
            del known[name]
    by_meaning = {name: value for name, value in known.items() if attributes[name] == value}
    for fault in check_attributes({**_LATER, "specversion": SPEC_VERSION, **by_meaning}):
        if fault.place in attributes:
            given.child(fault.place).fault("event", f"`{fault.place}` {fault.message}", f"write {_EXAMPLE}")
        else:
            given.fault("event", f"{fault.place} {fault.message}", f"write {_EXAMPLE}")


def _compiled(model: EmitModel, links: Links, fields: Fields) -> Emit:
    return Emit(**fields, function=FUNCTION, arguments=members({"event": model.event}), undo=links.undo(model))


EMIT = Construct(
    key="emit",
    summary="`event.with`: `type`, `data` and whatever else CloudEvents has; an event is published, and is the output",
    keys={"emit": _EVENT},
    required=("emit",),
    model=EmitModel,
    task=Emit,
    read=_read,
    compiled=_compiled,
    children=children,
    compensates=True,
)

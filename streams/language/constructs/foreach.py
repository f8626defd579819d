"""`foreach` of a `listen`: a list of tasks for each event that is taken, one event after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from streams.language.common import OUTPUT_FORM, Common, read_output
from streams.language.construct import Construct, Fields, Links
from streams.language.constructs.do import DoModel, read_list_under
from streams.language.constructs.listen import FORM, Listen, ListenModel, compiled_listen, read_listen
from streams.language.expressions import inner_text
from streams.language.forms import TASKS, closed
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import EXPORT, OUTPUT, VARIABLE_FORM, Scope, read_variable

_FOREACH = closed(
    {"item": VARIABLE_FORM, "at": VARIABLE_FORM, "do": TASKS, "output": OUTPUT_FORM, "export": OUTPUT_FORM}, ["do"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeachModel(ListenModel):
    """`listen` with `foreach`."""

    each: str
    at: str
    forever: bool
    body: DoModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach(Listen):
    """Waits for events, and carries out a list of tasks for each; what they give becomes the output."""

    each: str = "item"
    at: str = "index"
    forever: bool = False  # it never ends by itself, so nothing is kept for an output
    body: int = -1  # index of a Do


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> ForeachModel:
    foreach = node.child("foreach")
    parts = foreach.parts(_FOREACH, example="foreach: {item: event, do: [...]}")
    each, at = read_variable(parts.get("item"), "item"), read_variable(parts.get("at"), "index")
    if each == at:
        foreach.fault("name", "`item` and `at` have the same name", "give one of them another name")
    inner = scope | {each, at}
    listening = read_listen(node, scope) if node.optional("listen") is not None else _NOTHING
    shaped: dict[str, Any] = {"output": read_output(parts.get("output"), OUTPUT, inner)}
    shaped["export"] = read_output(parts.get("export"), EXPORT, inner)
    body = replace(read_list_under(reader, foreach, "do", inner), **shaped, elsewhere=True)
    return ForeachModel(**common, **listening, each=each, at=at, forever=_is_forever(node), body=body)


_NOTHING: dict[str, Any] = {"strategy": "one", "filters": (), "wanted": 0, "until": (), "read": "data"}


def _is_forever(node: Node) -> bool:
    """Whether the listening ends by a `timeout` or another branch alone: `until: false`."""
    place: Node | None = node
    for key in ("listen", "to", "until"):
        place = place.optional(key) if place is not None else None
    said = place.value if place is not None else None
    return said is False or (isinstance(said, str) and (inner_text(said) or said).strip() == "false")


def _compiled(model: ForeachModel, links: Links, fields: Fields) -> Foreach:
    own = {"each": model.each, "at": model.at, "forever": model.forever, "body": links.number(model.body)}
    return Foreach(**fields, **compiled_listen(model), **own)  # type: ignore[arg-type]  # each of its own kind


FOREACH = Construct(
    key="foreach",
    summary="`item`, `at`, `do`, `output`, `export`; with `listen`: tasks for each event, one event after the other",
    keys={"foreach": _FOREACH, "listen": FORM},
    required=("foreach", "listen"),
    model=ForeachModel,
    task=Foreach,
    read=_read,
    compiled=_compiled,
    children=lambda model: (model.body,),
    late=lambda model: (each.condition for each in model.until),
)

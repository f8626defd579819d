"""`switch`: the flow goes where the first matching case says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.forms import CONDITION, TEXT, closed, named
from streams.language.graph import Expression, Flow, Task
from streams.language.model import CONTINUE, TaskModel
from streams.language.nodes import Node, unique
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_condition
from streams.language.source import Path

_EXAMPLE = "- cheap: {when: .price < 10, then: accept}"
_CASE = closed({"when": CONDITION, "then": TEXT}, ["then"])


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseModel:
    """A case of `switch`."""

    name: str
    path: Path
    when: Expression | None
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchModel(TaskModel):
    """`switch`."""

    cases: tuple[CaseModel, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a switch; `when` None is the default."""

    name: str
    when: Expression | None
    then: Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Task):
    """The first matching case, else the default, else the task's own `then`."""

    cases: tuple[Case, ...]


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> SwitchModel:
    switch = node.child("switch")
    items = switch.named_items(_EXAMPLE)
    cases = tuple(_case(item, scope) for item in items)
    defaults = [(case, item) for case, item in zip(cases, items, strict=True) if case.when is None]
    for case, item in defaults[1:]:
        message = f"`{case.name}` is a second default case; `{defaults[0][0].name}` is the first"
        item.fault("two-defaults", message, "give it a `when` or remove it", key=True)
    if switch.value == []:
        switch.fault("empty-list", "`switch` has no cases", f"add one: {_EXAMPLE}", key=True)
    elif not defaults:
        remedy = "add - default: {then: ...}, or accept that it goes on"
        switch.warn("no-default", f"`{node.name}` has no default case", remedy)
    unique(items, "case")
    return SwitchModel(**common, cases=cases)


def _case(node: Node, scope: Scope) -> CaseModel:
    parts = node.parts(_CASE, example=_EXAMPLE)
    when = read_condition(parts["when"], BODY, scope) if "when" in parts else None
    then = parts["then"].text("then: continue") if "then" in parts else CONTINUE
    return CaseModel(name=node.name, path=node.path, when=when, then=then)


def _compiled(model: SwitchModel, links: Links, fields: Fields) -> Switch:
    cases = tuple(Case(case.name, case.when, links.flow(case.then, model)) for case in model.cases)
    return Switch(**fields, cases=cases)


def _jumps(model: SwitchModel) -> Iterator[tuple[str, Path]]:
    for case in model.cases:
        yield case.then, (*case.path, "then")


def _goes_on(model: SwitchModel) -> Iterator[str]:
    yield from (case.then for case in model.cases)
    if all(case.when is not None for case in model.cases):
        yield model.then


SWITCH = Construct(
    key="switch",
    summary="cases, each with `when` and `then`; the first that matches, else the one without `when`",
    keys={"switch": named(_CASE)},
    required=("switch",),
    model=SwitchModel,
    task=Switch,
    read=_read,
    compiled=_compiled,
    jumps=_jumps,
    goes_on=_goes_on,
)

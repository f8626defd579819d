"""`call`: a step, carried out by the processor of its function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from schemas.functions import OWN_NAME, ForCalls, Function
from schemas.payload import Json
from schemas.recovery import Policy, encode
from streams.language import profile
from streams.language.arguments import arguments_form, read_arguments
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.expressions import Constant
from streams.language.forms import OBJECT, TEXT, Form
from streams.language.graph import Expression, Task
from streams.language.nodes import Node
from streams.language.probing import Probe, read_probe
from streams.language.reader import Reader
from streams.language.recovery import Target, read_recovery
from streams.language.slots import Scope
from streams.language.undoing import StepModel, children, read_undo

_DEFINED = rf"^(?!({'|'.join(profile.CALLS)})$)[^:\s]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallModel(StepModel):
    """`call`."""

    function: str
    arguments: Expression
    waits_for_people: bool
    effect: str | None
    policy: Policy | None
    fallback: tuple[Target, ...]
    probe: tuple[Probe, ...]
    paged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Task):
    """A step: carried out by a step processor, its result becomes the output."""

    function: str  # http, decide, human, sql.query ...
    arguments: Expression  # evaluates to the JSON object of the command
    waits_for_people: bool = False  # an instance that has no other step open is waiting, not running
    effect: str | None = None  # effect class declared under metadata.effect: read, idempotent, keyed, probed, blind
    recovery: bytes | None = None  # the policy (`schemas.recovery`) as its commands carry it; None: the usual one
    fallback: tuple[Target, ...] = ()  # whom it falls back on, one after the other
    probe: tuple[Probe, ...] = ()  # how the system is asked whether it was done; at most one
    paged: str = ""  # the argument that asks for a list in pages; empty: it is one step
    undo: int = -1  # index of the task that undoes it; -1: there is nothing to undo


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> CallModel:
    child = node.child("call")
    name = child.text("call: http")
    function = reader.functions.get(name)
    if function is None:
        _unknown(child, name, reader.functions)
    metadata = node.optional("metadata")
    recovery = metadata.optional("recovery") if metadata is not None else None
    policy, fallback = read_recovery(recovery, reader.functions, scope)
    return CallModel(
        **read_undo(reader, node, common, function),
        function=name,
        arguments=read_arguments(node, function, scope) if function is not None else Constant({}),
        waits_for_people=function is not None and function.waits_for_people,
        effect=common["metadata"].get("effect"),
        policy=policy,
        fallback=fallback,
        probe=read_probe(metadata, function, reader.functions, scope),
        paged=_paged(node.optional("with"), function, common["metadata"].get("effect")),
    )


def _paged(given: Node | None, function: Function | None, effect: Json) -> str:
    """The argument by which a call asks for a list in pages; empty where it does not."""
    pages = None if given is None or function is None or not function.paged else given.optional(function.paged)
    if pages is None or given is None or function is None:
        return ""
    if not isinstance(pages.value, dict):
        pages.fault("value", f"`{pages.name}` is written out, and an object", "write pages: {by: link}")
    elif _is_told(function, given, effect) and function.changes(given.value, effect):
        pages.fault("pages", "only a call that reads asks for pages", "write method: get, or metadata: {effect: read}")
    return function.paged


def _is_told(function: Function, given: Node, effect: Json) -> bool:
    """Whether the definition says what decides about the effect of a call."""
    return effect is not None or (function.effect_by is not None and function.effect_by[0] in given.value)


def _unknown(node: Node, name: str, functions: Mapping[str, Function]) -> None:
    family = name.partition(":")[0]
    refusal = profile.CALLS.get(family)
    if refusal is not None:
        node.fault(refusal.code, refusal.message(f"call: {family}"), refusal.remedy)
    elif name:
        close = get_close_matches(name, functions, n=1)
        remedy = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(functions)}"
        node.fault("unknown-function", f"there is no function `{name}`", remedy)


def _compiled(model: CallModel, links: Links, fields: Fields) -> Call:
    return Call(
        **fields,
        function=model.function,
        arguments=model.arguments,
        waits_for_people=model.waits_for_people,
        effect=model.effect,
        recovery=None if (policy := model.policy or links.policy(model)) is None else encode(policy),
        fallback=model.fallback,
        probe=model.probe,
        paged=model.paged,
        undo=links.undo(model),
    )


def _narrowed(functions: Mapping[str, Function]) -> Form:
    """`call` is one of the functions, and `with` has the arguments of that one."""
    functions = ForCalls(functions)
    known = [{"const": each.name, "description": each.summary} for each in functions.values()]
    own = {"type": "string", "pattern": f"^{OWN_NAME.pattern}$", "description": "A step of your own."}
    defined = {"type": "string", "pattern": _DEFINED, "description": "A function of this file, under `use.functions`."}
    return {
        "allOf": [{"properties": {"call": {"anyOf": [*known, own, defined]}}}, *map(_arguments, functions.values())]
    }


def _arguments(function: Function) -> Form:
    needed = [key for key in ("with",) if any(argument.required for argument in function.arguments)]
    return {
        "if": {"properties": {"call": {"const": function.name}}},
        "then": {"properties": {"with": arguments_form(function)}, "required": needed},
    }


CALL = Construct(
    key="call",
    summary="a step: one of the functions below, with its arguments under `with`",
    keys={"call": TEXT, "with": OBJECT},
    required=("call",),
    model=CallModel,
    task=Call,
    read=_read,
    compiled=_compiled,
    children=children,
    compensates=True,
    narrowed=_narrowed,
)

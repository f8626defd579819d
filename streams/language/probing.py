"""`metadata.probe` of a call whose effect is `probed`: how the system is asked whether the step was done.

The call of the probe only reads. It finds what the step has made by the step's key, `$key`. What it finds is the
output of the step; what is not there was not done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.functions import EffectClass, Function
from streams.language.arguments import read_arguments, refuse_pages
from streams.language.forms import OBJECT, TEXT, closed
from streams.language.graph import Expression
from streams.language.nodes import Node
from streams.language.slots import Scope

KEY = "key"  # the name under which a probe reads the step's idempotency key
FORM = closed({"call": TEXT, "with": OBJECT}, ["call"])
EXAMPLE = "probe: {call: http, with: {method: get, endpoint: '${ \"https://erp.example.com/orders/\" + $key }'}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Who is asked, and with what."""

    function: str
    arguments: Expression


def read_probe(
    metadata: Node | None, function: Function | None, functions: Mapping[str, Function], scope: Scope
) -> tuple[Probe, ...]:
    """The probe of a call; none where its effect is another."""
    if metadata is None or not isinstance(metadata.value, dict):
        return ()
    effect, node = metadata.optional("effect"), metadata.optional("probe")
    probed = effect is not None and effect.value == EffectClass.PROBED
    if node is None:
        if effect is not None and probed and function is not None and not function.undeclared:
            _without(effect, function)
        return ()
    if not probed:
        node.fault("probe", "only a call whose effect is `probed` is asked about", "write effect: probed beside it")
    if function is not None and function.own:
        node.fault(
            "probe", f"`{function.name}` is a step of your own", "give it its probe there: @step(..., probe=...)"
        )
        return ()
    parts = node.parts(FORM, example=EXAMPLE)
    name = parts["call"].text("call: http") if "call" in parts else ""
    asked = functions.get(name)
    if asked is None:
        if name:
            known = ", ".join(functions)
            parts["call"].fault("unknown-function", f"there is no function `{name}`", f"known are {known}")
        return ()
    if asked.own or asked.effect not in (None, EffectClass.READ):
        parts["call"].fault("probe", f"`{name}` does not only read a system", "call http with get, or sql.query")
    refuse_pages(node, asked)
    return (Probe(function=name, arguments=read_arguments(node, asked, scope | {KEY})),)


def _without(effect: Node, function: Function) -> None:
    if not function.own:
        effect.fault("probe", "nothing says how the system is asked whether it was done", f"add {EXAMPLE}")
    elif function.effect is not EffectClass.PROBED:
        remedy = "declare it there: @step(..., effect='probed', probe=...)"
        effect.fault("probe", f"`{function.name}` has no probe", remedy)

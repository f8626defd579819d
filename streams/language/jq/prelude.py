"""The functions that the library defines in jq itself, rewritten so that they pay like any other expression."""

from __future__ import annotations

from typing import Any

from streams.language.jq.functions import OWN, Signature
from streams.language.jq.library import compiler, parser, prelude
from streams.language.jq.rewrite import metered_body

_LEFT_OUT = {"debug", "error", "date", "dateadd", "datesub", "GROUP_BY", "UNIQUE_BY", "JOIN", "isvalid"}


def _definitions() -> dict[Signature, tuple[list[str], Any]]:
    """Parameters and body of each function that is not one of ours and not left out."""
    found = {}
    node = parser.parse(prelude.PRELUDE)
    while node[0] == "funcdef":
        _, name, parameters, body, node = node
        if (name, len(parameters)) not in OWN and name not in _LEFT_OUT:
            found[name, len(parameters)] = (parameters, body)
    return {**found, ("error", 1): (["$msg"], parser.parse("$msg | error"))}


_DEFINITIONS = _definitions()
DERIVED: frozenset[Signature] = frozenset(_DEFINITIONS)


def _names() -> frozenset[str]:
    names = {name for name, _ in DERIVED}
    for parameters, body in _DEFINITIONS.values():
        names.update(parameter.lstrip("$") for parameter in parameters)
        names.update(compiler.collect_defined_names(body))
    return frozenset(names)


NAMES = _names()  # looked up at run time instead of being bound to the library's unmetered ones


def environment() -> Any:
    """The outermost scope: our forms of the derived functions and nothing of the host."""
    functions = {
        (name, arity): compiler.FuncVal(parameters, metered_body(body), NAMES)
        for (name, arity), (parameters, body) in _DEFINITIONS.items()
    }
    root = compiler.Env(funcs=functions)
    for function in functions.values():
        function.env = root
    return root

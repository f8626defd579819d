"""The functions that the library defines in jq itself, rewritten so that they pay like any other expression."""

from __future__ import annotations

from typing import Any

from streams.language.jq.functions import OWN, Signature
from streams.language.jq.library import compiler, parser, prelude
from streams.language.jq.rewrite import metered_body

_LEFT_OUT = {"debug", "error", "date", "dateadd", "datesub", "GROUP_BY", "UNIQUE_BY", "isvalid", "ascii"}
# in place of the library's, and functions of streams as `tostream` gives them
_OURS = """
def transpose: if . == [] or . == {} then []
  else . as $in | (map(length) | max) as $max
    | [range(0; $max) as $j | [range(0; $in | length) as $i | $in[$i][$j]]] end;
def fromstream(f): {x: null, e: false} as $start | foreach f as $i ($start;
  if .e then $start else . end
  | if $i | length == 2
    then setpath(["e"]; $i[0] | length == 0) | setpath(["x"] + $i[0]; $i[1])
    else setpath(["e"]; $i[0] | length == 1) end;
  if .e then .x else empty end);
def truncate_stream(stream): . as $n | null | stream | . as $input
  | if (.[0] | length) > $n then setpath([0]; .[0][$n:]) else empty end;
.
"""


def _definitions() -> dict[Signature, tuple[list[str], Any]]:
    """Parameters and body of each function that is not one of ours and not left out."""
    found = {}
    for source in (prelude.PRELUDE, _OURS):
        node = parser.parse(source)  # no deeper than we allow, but longer
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

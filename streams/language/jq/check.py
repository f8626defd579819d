"""What an expression may say: known functions, known variables, nothing that reaches the host.

The walk follows jq's scopes: `as`, `reduce`, `foreach` and function parameters bind variables, `def` binds functions,
`label` binds labels. A function may not take the name of a builtin and may not call itself, so the depth of an
evaluation is known beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from streams.language.jq.formats import FORMATS
from streams.language.jq.functions import LIGHT, OWN, Signature
from streams.language.jq.prelude import DERIVED

Node = tuple[Any, ...]

_REFUSED = {
    "now": "the time of an evaluation is not the same in a replay; use $workflow.startedAt or $task.startedAt",
    "localtime": "the time zone of a machine is not the same everywhere; use gmtime",
    "strflocaltime": "the time zone of a machine is not the same everywhere; use strftime",
    "nan": "JSON cannot hold it",
    "infinite": "JSON cannot hold it",
}
_HOST = {
    "env",
    "input",
    "inputs",
    "input_line_number",
    "input_filename",
    "debug",
    "stderr",
    "halt",
    "halt_error",
    "builtins",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an expression says that it may not, and the word that it is about (to find its place in the text)."""

    code: str
    message: str
    remedy: str
    word: str


@dataclass(slots=True)
class Findings:
    """The result of the walk."""

    variables: set[str] = field(default_factory=set)  # read but not bound inside the expression
    complaints: list[Complaint] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Scope:
    variables: frozenset[str] = frozenset()
    functions: frozenset[Signature] = frozenset()
    labels: frozenset[str] = frozenset()
    inside: frozenset[Signature] = frozenset()  # the functions whose bodies we are in


def known_signatures() -> frozenset[Signature]:
    """Every function that an expression may call without defining it."""
    return LIGHT | frozenset(OWN) | DERIVED


def check(ast: Node) -> Findings:
    """Walks the syntax tree of one expression."""
    findings = Findings()
    _Walk(findings).node(ast, _Scope())
    return findings


class _Walk:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def _complain(self, code: str, message: str, remedy: str, word: str) -> None:
        self._findings.complaints.append(Complaint(code, message, remedy, word))

    def node(self, ast: Any, scope: _Scope) -> None:
        """Checks one node; anything that is not a node of its own is walked through."""
        if isinstance(ast, list) or (isinstance(ast, tuple) and ast and not isinstance(ast[0], str)):
            for part in ast:
                self.node(part, scope)
        elif isinstance(ast, tuple) and ast:
            special = getattr(self, f"_{ast[0]}", None)
            if special is not None:
                special(ast, scope)
            else:
                self.node(list(ast[1:]), scope)

    def _const(self, ast: Node, scope: _Scope) -> None:
        value = ast[1]
        if isinstance(value, float) and not math.isfinite(value):
            self._complain("number", "a number that no double can hold", "write a smaller number", "")
        if type(value) is int and value >= 2**64:
            self._complain("number", "a whole number of more than 64 bits", "write it as a text, or as 1e20", "")
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            self._complain("text", "half of a surrogate pair", "write the character itself", "\\u")

    def _neg(self, ast: Node, scope: _Scope) -> None:
        if ast[1][0] == "const" and type(ast[1][1]) is int and 2**63 < ast[1][1] < 2**64:
            self._complain("number", "a whole number of more than 64 bits", "write it as a text, or as -1e19", "")
        self.node(ast[1], scope)

    def _object(self, ast: Node, scope: _Scope) -> None:
        for key, value in ast[1]:
            if key[0] == "const" and not isinstance(key[1], str):
                self._complain("key", "a key of an object is a text", 'write it in quotes: {"1": .a}', "")
            self.node([key, value], scope)

    def _field(self, ast: Node, scope: _Scope) -> None:
        self.node(ast[1], scope)

    def _binop(self, ast: Node, scope: _Scope) -> None:
        self.node(list(ast[2:]), scope)

    _assign = _binop

    def _str(self, ast: Node, scope: _Scope) -> None:
        if ast[1] is not None:
            self._format(ast, scope)
        self.node([part for part in ast[2] if not isinstance(part, str)], scope)

    def _format(self, ast: Node, scope: _Scope) -> None:
        if ast[1] not in FORMATS:
            self._complain(
                "unknown-function",
                f"unknown format @{ast[1]}",
                f"known are {_listed('@' + name for name in FORMATS)}",
                f"@{ast[1]}",
            )

    def _loc(self, ast: Node, scope: _Scope) -> None:
        self._complain("refused-function", "$__loc__ means nothing in a definition", "leave it out", "$__loc__")

    def _var(self, ast: Node, scope: _Scope) -> None:
        if ast[1] not in scope.variables:
            self._findings.variables.add(ast[1])

    def _label(self, ast: Node, scope: _Scope) -> None:
        self.node(ast[2], _extended(scope, labels={ast[1]}))

    def _break(self, ast: Node, scope: _Scope) -> None:
        if ast[1] not in scope.labels:
            self._complain(
                "unknown-label",
                f"no label ${ast[1]} to break out of",
                f"write label ${ast[1]} | ... around it",
                f"${ast[1]}",
            )

    def _call(self, ast: Node, scope: _Scope) -> None:
        name, arguments = ast[1], ast[2]
        signature = (name, len(arguments))
        if signature in scope.inside:
            self._complain(
                "recursive-function", f"{name} calls itself", "use recurse, until, while, repeat or reduce", name
            )
        elif signature not in scope.functions and signature not in known_signatures():
            self._unknown(name, len(arguments), scope)
        self.node(arguments, scope)

    def _unknown(self, name: str, arity: int, scope: _Scope) -> None:
        if name in _REFUSED:
            self._complain("refused-function", f"{name} is not available", _REFUSED[name], name)
            return
        if name in _HOST:
            self._complain(
                "refused-function",
                f"{name} reaches out of the expression",
                "use the data of the task and its variables",
                name,
            )
            return
        known = known_signatures() | scope.functions
        arities = sorted(other for candidate, other in known if candidate == name)
        if arities:
            counts = " or ".join(map(str, arities))
            self._complain("unknown-function", f"{name} does not take {arity} arguments", f"it takes {counts}", name)
            return
        close = get_close_matches(name, {candidate for candidate, _ in known}, n=1)
        remedy = (
            f"did you mean {close[0]}?"
            if close
            else f'a text is written in quotes: "{name}"; a field with a dot: .{name}'
        )
        self._complain("unknown-function", f"there is no function {name}", remedy, name)

    def _funcdef(self, ast: Node, scope: _Scope) -> None:
        _, name, parameters, body, rest = ast
        signature = (name, len(parameters))
        plain = {(parameter.lstrip("$"), 0) for parameter in parameters}
        for taken in ({signature} | plain) & known_signatures():
            self._complain(
                "shadowing", f"{taken[0]} is the name of a builtin function", "choose another name", taken[0]
            )
        values = {parameter[1:] for parameter in parameters if parameter.startswith("$")}
        outer = replace(scope, inside=scope.inside - plain)
        inner = _extended(outer, variables=values, functions=plain | {signature}, inside={signature})
        self.node(body, inner)
        # within the rest the name means this function, also where one of the same name is around it
        rest_scope = replace(scope, inside=scope.inside - {signature})
        self.node(rest, _extended(rest_scope, functions={signature}))

    def _as(self, ast: Node, scope: _Scope) -> None:
        self.node(ast[1], scope)
        self.node(ast[3], self._bound(ast[2], scope))

    def _reduce(self, ast: Node, scope: _Scope) -> None:
        self.node(ast[1], scope)
        self.node(ast[3], scope)
        self.node(list(ast[4:]), self._bound(ast[2], scope))

    _foreach = _reduce

    def _bound(self, patterns: Any, scope: _Scope) -> _Scope:
        names: set[str] = set()
        for pattern in patterns:
            self._pattern(pattern, scope, names)
        return _extended(scope, variables=names)

    def _pattern(self, pattern: Node, scope: _Scope, names: set[str]) -> None:
        if pattern[0] == "pvar":
            names.add(pattern[1])
        elif pattern[0] == "parray":
            for part in pattern[1]:
                self._pattern(part, scope, names)
        else:
            for key, part, name in pattern[1]:
                if key[0] == "const" and not isinstance(key[1], str):
                    self._complain("key", "a key of an object is a text", 'write it in quotes: {"1": $a}', "")
                self.node(key, scope)
                names.update({name} if name else ())
                self._pattern(part, scope, names)


def _extended(scope: _Scope, **names: set[Any]) -> _Scope:
    grown = {key: getattr(scope, key) | value for key, value in names.items()}
    return _Scope(**{name: grown.get(name, getattr(scope, name)) for name in _Scope.__slots__})


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))

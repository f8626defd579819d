"""Turns the syntax tree of an expression into one whose every loop, call and new value is paid for.

Most expressions of a workflow need none of it: a path, a comparison, an object put together from the data. Their work
is bounded by their own length and that of the data; `is_plain` recognises them and they run at full speed. The others
are rewritten: operators and functions are replaced by their metered forms, and nodes that pay are put where a value
multiplies or is made.
"""

from __future__ import annotations

from typing import Any

from streams.language.jq.functions import KEYED, OWN, SHRINKING, metered_name, plain_name

Node = tuple[Any, ...]

_MAX_FACTOR = 1_000  # of a plain multiplication, which may be that of a text
_ARITHMETIC = frozenset("+-*/%")
_CALL = 5  # steps of a call of a function that is written in jq
_WHOLE = "whole "  # a variable that no program text can name
_PATTERNS = frozenset(("test", "match", "capture", "scan", "split", "splits", "sub", "gsub"))


def plain_operator(symbol: str) -> str:
    """The name of an operator that does not pay and refuses what is large."""
    return f"plain {symbol}"


def metered_operator(symbol: str) -> str:
    """The name of an operator that pays."""
    return f"metered {symbol}"


def is_plain(ast: Node) -> bool:
    """Whether the work of the expression is bounded by its own length times that of the data."""
    kind = ast[0]
    if kind == "object":
        return all(key[0] == "const" and is_plain(value) for key, value in ast[1])
    if kind == "collect":
        return all(map(is_plain, _listed(ast[1])))
    if kind == "str":
        return ast[1] in (None, "text") and all(isinstance(part, str) or is_view(part) for part in ast[2])
    if kind == "binop" and ast[1] == "*":
        return any(_is_small(side) and is_plain(other) for side, other in (ast[2:], ast[:1:-1]))
    if kind in ("binop", "assign"):
        return kind == "binop" and is_plain(ast[2]) and is_plain(ast[3])
    if kind == "if":
        return all(is_plain(part) for branch in ast[1] for part in branch) and (ast[2] is None or is_plain(ast[2]))
    if kind in ("and", "or", "alt"):
        return is_plain(ast[1]) and is_plain(ast[2])
    if kind == "pipe":
        return is_view(ast[1]) and is_plain(ast[2])
    return is_view(ast)


def is_view(ast: Node) -> bool:
    """Whether each value is a part of the data, a constant or a scalar: nothing that could grow when it is used
    again."""
    kind = ast[0]
    if kind in ("identity", "const", "emptyarray", "var"):
        return True
    if kind in ("field", "opt", "guarded"):
        return is_view(ast[1])
    if kind == "index":
        return is_view(ast[1]) and ast[2][0] == "const"
    if kind == "binop":
        return ast[1] not in _ARITHMETIC and is_plain(ast[2]) and is_plain(ast[3])
    if kind in ("and", "or"):
        return is_plain(ast[1]) and is_plain(ast[2])
    if kind in ("pipe", "alt"):
        return is_view(ast[1]) and is_view(ast[2])
    if kind == "call":
        return (ast[1], len(ast[2])) in SHRINKING and all(argument[0] == "const" for argument in ast[2])
    return False


def _listed(ast: Node) -> list[Node]:
    """The parts of `a, b, c`."""
    return [*_listed(ast[1]), *_listed(ast[2])] if ast[0] == "comma" else [ast]


def _is_small(ast: Node) -> bool:
    return ast[0] == "const" and isinstance(ast[1], int | float) and abs(ast[1]) <= _MAX_FACTOR


def checked(ast: Any) -> Any:
    """A plain tree with its operators and functions replaced by those that refuse what is large; nothing pays."""
    if isinstance(ast, list):
        return [checked(part) for part in ast]
    if not isinstance(ast, tuple) or not ast:
        return ast
    if ast[0] == "const":
        return ast
    if ast[0] == "binop":
        return ("binop", plain_operator(ast[1]), checked(ast[2]), checked(ast[3]))
    if ast[0] == "call":
        return ("call", plain_name(ast[1]), checked(ast[2]))
    if ast[0] == "str":
        return ("text", [part if isinstance(part, str) else checked(part) for part in ast[2]])
    return tuple(checked(part) for part in ast)


def metered(ast: Any) -> Any:
    """The tree that pays for what it does."""
    if isinstance(ast, list):
        return [metered(part) for part in ast]
    if not isinstance(ast, tuple) or not ast:
        return ast
    special = _SPECIAL.get(ast[0]) if isinstance(ast[0], str) else None
    return special(ast) if special is not None else tuple(metered(part) for part in ast)


def _pay(how: str) -> Node:
    return ("call", f"{how} ", [])


def _then(ast: Node, how: str) -> Node:
    return ("pipe", ast, _pay(how))


def _call(name: str, arguments: list[Node]) -> Node:
    return ("call", metered_name(name) if (name, len(arguments)) in OWN else name, arguments)


def _metered_call(ast: Node) -> Node:
    arguments = metered(ast[2])
    if (ast[1], len(arguments)) in KEYED:
        arguments = [_then(argument, "read") for argument in arguments]
    if ast[1] in _PATTERNS and arguments and ast[2][0][0] != "const":
        arguments = [_then(arguments[0], "pattern"), *arguments[1:]]
    return _call(ast[1], arguments)


def _metered_guarded(ast: Node) -> Node:
    """The access itself stays what is guarded; what it makes is paid for."""
    kind, base, *parts = ast[1]
    if kind == "field":
        return ("guarded", (kind, metered(base), *parts))
    if kind == "iterate":
        return ("guarded", (kind, _then(metered(base), "each")))
    guarded = ("guarded", (kind, metered(base), *(part if part is None else metered(part) for part in parts)))
    return _then(guarded, "made") if kind == "slice" else guarded


def _metered_text(ast: Node) -> Node:
    parts = [part if isinstance(part, str) else _then(metered(part), "read") for part in ast[2]]
    return _then(("str", ast[1], parts), "made")


def _metered_assignment(ast: Node) -> Node:
    """Each path that is assigned to copies what leads to it, so each pays for the weight of the whole."""
    operator = ast[1] if ast[1] in ("=", "|=", "//=") else metered_operator(ast[1])
    target = ("pipe", metered(ast[2]), ("call", "copied ", [("var", _WHOLE)]))
    return ("as", ("identity",), [("pvar", _WHOLE)], ("assign", operator, target, metered(ast[3])))


def _metered_function(ast: Node) -> Node:
    _, name, parameters, body, rest = ast
    return ("funcdef", name, parameters, metered_body(body), metered(rest))


def metered_body(body: Node) -> Node:
    """The body of a function; each call pays for its length and for the call itself."""
    return ("pipe", _pay_for([body], _CALL), metered(body))


def _metered_fold(ast: Node) -> Node:
    """`reduce` and `foreach`: each round pays for the length of what it evaluates."""
    kind, source, patterns, *parts = ast
    return (kind, ("pipe", metered(source), _pay_for(parts)), metered(patterns), *(metered(part) for part in parts))


def _pay_for(parts: list[Any], more: int = 1) -> Node:
    return ("call", "pay ", [("const", more + _length(parts) // 2)])


def _length(part: Any) -> int:
    """How many nodes a tree has."""
    if isinstance(part, list | tuple):
        own = 1 if isinstance(part, tuple) and part and isinstance(part[0], str) else 0
        return own + sum(map(_length, part))
    return 0


def _metered_object(ast: Node) -> Node:
    return _then(("object", [(metered(key), metered(value)) for key, value in ast[1]]), "made")


_SPECIAL = {
    "const": lambda ast: ast,
    "binop": lambda ast: ("binop", metered_operator(ast[1]), metered(ast[2]), metered(ast[3])),
    "assign": _metered_assignment,
    "call": _metered_call,
    "collect": lambda ast: _then(("collect", metered(ast[1])), "made"),
    "comma": lambda ast: _then(("comma", metered(ast[1]), metered(ast[2])), "tick"),
    "field": lambda ast: ("field", metered(ast[1]), ast[2]),
    "foreach": _metered_fold,
    "format": lambda ast: ("pipe", _pay("read"), _then(ast, "made")),
    "funcdef": _metered_function,
    "guarded": _metered_guarded,
    "iterate": lambda ast: ("iterate", _then(metered(ast[1]), "each")),
    "object": _metered_object,
    "reduce": _metered_fold,
    "slice": lambda ast: _then(("slice", *(part if part is None else metered(part) for part in ast[1:])), "made"),
    "str": _metered_text,
}

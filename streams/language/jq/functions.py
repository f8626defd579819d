"""The functions an expression may call, and what each of them costs.

What is not in these tables does not exist for a definition: neither what would reach the host (`env`, `input`,
`debug`, `halt`, `now`, the local time zone) nor what JSON cannot hold (`nan`, `infinite`). Functions whose work grows
with their data are replaced by metered ones; those replacements live in the library's own table of builtins under
names with a space, which no program text can spell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from streams.language.jq.arithmetic import METERED, finite
from streams.language.jq.library import JqError, builtins, ops
from streams.language.jq.meter import METER

Builtin = Callable[..., Any]
Signature = tuple[str, int]

# Bounded by themselves: kept as the library has them.
LIGHT: frozenset[Signature] = frozenset(
    [(name, 0) for name in ("empty", "not", "type", "length", "toboolean", "trim", "ltrim", "rtrim")]
    + [(name, 0) for name in ("isnan", "isinfinite", "isnormal")]
    + [(name, 1) for name in ("select", "has", "path", "last", "getpath")]
    + [(name, 1) for name in ("startswith", "endswith", "ltrimstr", "rtrimstr")]
)
# Bounded too, but their numbers have to be checked.
_CHECKED = [("mktime", 0), ("strptime", 1)]
_NUMERIC = [("tonumber", 0), ("gmtime", 0)] + [
    (name, 0)
    for name in ("floor", "ceil", "round", "trunc", "fabs", "sqrt", "exp", "exp2", "exp10", "log", "log2", "log10")
]
# Work in proportion to the number of elements, or of characters, of what they read.
_SHALLOW = [("map", 1), ("split", 1)] + [
    (name, 0)
    for name in (
        "keys",
        "keys_unsorted",
        "reverse",
        "utf8bytelength",
        "explode",
        "implode",
        "ascii_downcase",
        "ascii_upcase",
    )
]
# Work in proportion to all that is inside what they read.
_DEEP = [(name, 0) for name in ("flatten", "tojson", "tostring", "tostream", "min", "max")] + [
    ("flatten", 1), ("setpath", 2), ("bsearch", 1),
]  # fmt: skip
_SORTING = [("sort", 0), ("unique", 0)]
_KEYED = [("sort_by", 1), ("group_by", 1), ("unique_by", 1), ("min_by", 1), ("max_by", 1)]
_CROSSING = {("contains", 1): ops.contains_value, ("indices", 1): ops.indices_impl}

# the values of their argument are compared with each other, so they are paid for too
KEYED: frozenset[Signature] = frozenset(_KEYED)
FORMATS: frozenset[str] = frozenset({"text", "json", "html", "uri", "csv", "tsv", "sh", "base64", "base64d"})
# our own, by the signature a program uses; `install` adds the modified ones of the library
OWN: dict[Signature, Builtin] = {}


def metered_name(name: str) -> str:
    """The name under which the library's table holds our version of a function."""
    return name + " "


def own(name: str, arity: int) -> Callable[[Builtin], Builtin]:
    """Declares a function of ours in place of the library's."""

    def declare(function: Builtin) -> Builtin:
        OWN[name, arity] = function
        return function

    return declare


def _as_jq_error(function: Builtin) -> Builtin:
    """Turns what Python raises for a wrong type or an impossible number into the error that `try` and `//` know."""

    def guarded(data: Any, env: Any, *args: Any) -> Iterator[Any]:
        try:
            yield from function(data, env, *args)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise JqError(f"impossible for {ops.type_name(data)}") from error

    return guarded


def _checked(original: Builtin) -> Builtin:
    def checked(data: Any, env: Any, *args: Any) -> Iterator[Any]:
        for value in original(data, env, *args):
            yield finite(value) if type(value) in (int, float, complex) else value

    return checked


def _numeric(original: Builtin) -> Builtin:
    """For functions whose complaint about a list or an object would write it out."""

    def checked(data: Any, env: Any) -> Iterator[Any]:
        if isinstance(data, list | dict):
            raise JqError(f"{ops.type_name(data)} is no number")
        yield from _checked(original)(data, env)

    return checked


def _shallow(original: Builtin) -> Builtin:
    def charged(data: Any, env: Any, *args: Any) -> Iterator[Any]:
        METER.touch(data)
        for value in original(data, env, *args):
            METER.made(value)
            yield value

    return charged


def _deep(original: Builtin, *, sorting: bool = False) -> Builtin:
    def charged(data: Any, env: Any, *args: Any) -> Iterator[Any]:
        METER.read(data)
        if sorting and type(data) is list:
            METER.spend(METER.weigh(data) * len(data).bit_length() >> 2)
        for value in original(data, env, *args):
            METER.made(value)
            yield value

    return charged


def _crossing(compare: Callable[[Any, Any], Any]) -> Builtin:
    """For functions that compare every part of one value with every part of another."""

    def charged(data: Any, env: Any, other: Any) -> Iterator[Any]:
        for value in other.vals(data):
            METER.spend(1 + (METER.weigh(data) * METER.weigh(value) >> 3))
            METER.read(data)
            yield compare(data, value)

    return charged


@own("pow", 2)
def _pow(data: Any, env: Any, base: Any, exponent: Any) -> Iterator[Any]:
    for power in exponent.vals(data):
        for number in base.vals(data):
            yield finite(math.pow(number, power))


@own("error", 0)
def _error(data: Any, env: Any) -> Iterator[Any]:
    METER.read(data)  # the error carries its value as text
    yield from builtins.PY_BUILTINS["error", 0](data, env)


@own("delpaths", 1)
def _delpaths(data: Any, env: Any, paths: Any) -> Iterator[Any]:
    for path_list in paths.vals(data):
        METER.spend(1 + (len(path_list) * METER.weigh(data) >> 6) if isinstance(path_list, list) else 1)
        METER.read(path_list)
        value = ops.delpaths_impl(data, path_list)
        METER.made(value)
        yield value


@own("fromjson", 0)
def _fromjson(data: Any, env: Any) -> Iterator[Any]:
    if not isinstance(data, str):
        raise JqError(f"{ops.type_name(data)} cannot be parsed as JSON")
    METER.text(len(data) * 8)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise JqError("the text is not JSON") from None
    METER.made(value)
    yield value


@own("add", 0)
def _add(data: Any, env: Any) -> Iterator[Any]:
    """One pass where the library copies the sum once for each element."""
    items = list(ops.iterate_value(data))
    METER.touch(data)
    kept = [item for item in items if item is not None]
    kinds = set(map(type, kept))
    if kinds == {str}:
        total: Any = "".join(kept)
    elif kinds == {list}:
        total = [value for item in kept for value in item]
    else:
        total = _sum(kept)
    METER.made(total)
    yield total


def _sum(items: list[Any]) -> Any:
    total: Any = None
    plus = METERED["+"]
    for item in items:
        total = plus(total, item)
    return total


@own("join", 1)
def _join(data: Any, env: Any, separator: Any) -> Iterator[Any]:
    METER.read(data)
    for text in separator.vals(data):
        if not isinstance(data, list) or not isinstance(text, str):
            raise JqError("join takes a list of scalars and a text")
        if any(isinstance(item, (list, dict)) for item in data):
            raise JqError("join takes a list of scalars")
        METER.text(len(text) * len(data))
        joined = text.join(
            item if isinstance(item, str) else "" if item is None else orjson.dumps(item).decode() for item in data
        )
        METER.made(joined)
        yield joined


_STRFTIME = re.compile(r"(?:[^%]|%[A-Za-z%])*")  # no widths: "%1000000Y" would make a text of a million characters


@own("strftime", 1)
def _strftime(data: Any, env: Any, form: Any) -> Iterator[Any]:
    def sound(value: Any) -> Iterator[Any]:
        for text in form.vals(value):
            if not isinstance(text, str) or len(text) > 256 or not _STRFTIME.fullmatch(text):
                raise JqError("strftime takes a short text of plain % directives")
            yield text

    METER.spend(4)
    yield from builtins.PY_BUILTINS["strftime", 1](data, env, _Values(sound))


class _Values:
    """What a builtin of the library expects of an argument."""

    def __init__(self, vals: Callable[[Any], Iterator[Any]]) -> None:
        self.vals = vals


def install() -> None:
    """Puts our versions into the library's table of builtins, beside its own."""
    library = dict(builtins.PY_BUILTINS)
    OWN.update({signature: _checked(library[signature]) for signature in _CHECKED})
    OWN.update({signature: _numeric(library[signature]) for signature in _NUMERIC})
    OWN.update({signature: _shallow(library[signature]) for signature in _SHALLOW})
    OWN.update({signature: _deep(library[signature]) for signature in _DEEP})
    OWN.update({signature: _deep(library[signature], sorting=True) for signature in _SORTING + _KEYED})
    OWN.update({signature: _crossing(compare) for signature, compare in _CROSSING.items()})
    for (name, arity), function in OWN.items():
        builtins.PY_BUILTINS[metered_name(name), arity] = _as_jq_error(function)

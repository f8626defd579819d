"""The functions an expression may call, and what each of them costs.

What is not in these tables does not exist for a definition: neither what would reach the host (`env`, `input`,
`debug`, `halt`, `now`, the local time zone) nor what JSON cannot hold (`nan`, `infinite`). Functions whose work grows
with their data are replaced by metered ones; those replacements live in the library's own table of builtins under
names with a space, which no program text can spell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from streams.language.jq.library import JqError, builtins, ops
from streams.language.jq.meter import METER, SMALL, HeavyError
from streams.language.jq.numbers import NUMERIC, finite

Builtin = Callable[..., Any]
Signature = tuple[str, int]

# Bounded by themselves: kept as the library has them.
LIGHT: frozenset[Signature] = frozenset(
    [(name, 0) for name in ("empty", "not", "type", "isnan", "isinfinite", "isnormal")]
    + [(name, 1) for name in ("select", "path", "last")]
)
# Work in proportion to a text.
_TEXTUAL = [(name, 0) for name in ("trim", "ltrim", "rtrim", "utf8bytelength")] + [
    (name, 1) for name in ("startswith", "endswith", "ltrimstr", "rtrimstr")
]
# Work in proportion to the number of elements, or of characters, of what they read.
_SHALLOW = [("map", 1), ("split", 1)] + [
    (name, 0) for name in ("keys", "keys_unsorted", "explode", "implode", "ascii_downcase", "ascii_upcase")
]
# Work in proportion to all that is inside what they read.
_DEEP = [("tostream", 0), ("setpath", 2), ("bsearch", 1)]
_SORTING = [("sort", 0), ("unique", 0)]
_KEYED = [("sort_by", 1), ("group_by", 1), ("unique_by", 1)]
_EXTREMES = [("min_by", 1), ("max_by", 1)]

# the values of their argument are compared with each other, so they are paid for too
KEYED: frozenset[Signature] = frozenset(_KEYED + _EXTREMES)
# functions of a plain expression: they give a scalar, or a text no longer than the one they got
SHRINKING: frozenset[Signature] = frozenset(
    [(name, 0) for name in ("length", "type", "not", "trim", "ltrim", "rtrim", "tonumber", "toboolean", *NUMERIC)]
    + [(name, 1) for name in ("has", "startswith", "endswith")]
)
# our own, by the signature a program uses; `install` adds the modified ones of the library
OWN: dict[Signature, Builtin] = {}
OWN_PATHS: dict[Signature, Builtin] = {}
OWN_PLAIN: dict[Signature, Builtin] = {}


def metered_name(name: str) -> str:
    """The name under which the library's table holds our version of a function."""
    return name + " "


def plain_name(name: str) -> str:
    """The name of the version that does not pay and refuses what is large."""
    return "plain " + name


def own(name: str, arity: int) -> Callable[[Builtin], Builtin]:
    """Declares a function of ours in place of the library's."""

    def declare(function: Builtin) -> Builtin:
        OWN[name, arity] = function
        return function

    return declare


def own_path(name: str, arity: int) -> Callable[[Builtin], Builtin]:
    """Declares what a function of ours gives where a path is asked for."""

    def declare(function: Builtin) -> Builtin:
        OWN_PATHS[name, arity] = function
        return function

    return declare


def own_plain(name: str, arity: int) -> Callable[[Builtin], Builtin]:
    """Declares what a function of ours is in a plain expression, where nothing pays."""

    def declare(function: Builtin) -> Builtin:
        OWN_PLAIN[name, arity] = function
        return function

    return declare


def _as_jq_error(function: Builtin) -> Builtin:
    """Turns what Python raises for a wrong type or an impossible number into the error that `try` knows."""

    def guarded(data: Any, env: Any, *args: Any) -> Iterator[Any]:
        try:
            yield from function(data, env, *args)
        except (TypeError, ValueError, ArithmeticError, AttributeError, KeyError) as error:
            raise JqError(f"impossible for {ops.type_name(data)}") from error

    return guarded


def _numeric(name: str, function: Callable[[Any], Any]) -> Builtin:
    def calculate(data: Any, env: Any) -> Iterator[Any]:
        if type(data) not in (int, float):
            raise JqError(f"{ops.type_name(data)} number required")
        try:
            yield finite(function(data))
        except (ValueError, OverflowError):
            raise JqError(f"{name} of this number is not a finite number") from None

    return calculate


def _textual(original: Builtin) -> Builtin:
    def charged(data: Any, env: Any, *args: Any) -> Iterator[Any]:
        if type(data) is str:
            METER.text(len(data))
        for value in original(data, env, *args):
            METER.spend(1)
            yield value

    return charged


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


def _small(original: Builtin) -> Builtin:
    """Refuses what is too large to be read without paying. Those that are plain raise nothing but `JqError`."""

    def guarded(data: Any, env: Any, *args: Any) -> Any:
        if type(data) is str and len(data) > SMALL:
            raise HeavyError
        return original(data, env, *args)

    return guarded


def _length(data: Any, env: Any) -> Iterator[Any]:
    if data is None:
        yield 0
    elif type(data) in (int, float):
        yield finite(abs(data))
    elif type(data) is bool:
        raise JqError("boolean has no length")
    else:
        yield len(data)


@own("pow", 2)
def _pow(data: Any, env: Any, base: Any, exponent: Any) -> Iterator[Any]:
    for power in exponent.vals(data):
        for number in base.vals(data):
            yield _power(number, power)


def _power(number: Any, power: Any) -> int | float:
    if type(number) not in (int, float) or type(power) not in (int, float):
        raise JqError(f"{ops.type_name(number)} and {ops.type_name(power)} have no power")
    if type(number) is int and type(power) is int and 0 <= power <= 64 and abs(number) < 2**32:
        return finite(number**power)
    try:
        return finite(math.pow(number, power))
    except (ValueError, OverflowError):
        raise JqError("the result is not a finite number") from None


def install() -> None:
    """Puts our versions into the library's table of builtins, beside its own."""
    library = {**builtins.PY_BUILTINS, ("length", 0): _length}
    OWN["length", 0] = _length
    OWN.update({(name, 0): _numeric(name, function) for name, function in NUMERIC.items()})
    OWN.update({signature: _textual(library[signature]) for signature in _TEXTUAL})
    OWN.update({signature: _shallow(library[signature]) for signature in _SHALLOW})
    OWN.update({signature: _deep(library[signature]) for signature in _DEEP + _EXTREMES})
    OWN.update({signature: _deep(library[signature], sorting=True) for signature in _SORTING + _KEYED})
    for (name, arity), function in OWN.items():
        builtins.PY_BUILTINS[metered_name(name), arity] = _as_jq_error(function)
    for (name, arity), function in OWN_PATHS.items():
        builtins.PY_BUILTINS_PATH[metered_name(name), arity] = function
    for signature in SHRINKING:
        ours = OWN_PLAIN.get(signature) or (None if signature in _TEXTUAL else OWN.get(signature))
        original = ours or library[signature]
        builtins.PY_BUILTINS[plain_name(signature[0]), signature[1]] = _small(original)

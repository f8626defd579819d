"""Nodes of the syntax tree that are evaluated otherwise than the library does it.

Where it is wrong: `?` after an access, `//`, `reduce` without a result, and what has no path. Where it is dear: it
compiles every argument of a function twice, for values and for paths, so each level of calls doubles the work; here
paths are compiled when somebody asks for one. And it makes a generator for every object, which has one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from streams.language.jq import conditions, folds
from streams.language.jq.formats import apply_format
from streams.language.jq.library import JqError, compiler, ops
from streams.language.jq.meter import SMALL, HeavyError
from streams.language.jq.texts import text_of
from streams.language.jq.values import indices

Node = tuple[Any, ...]
Values = Callable[[Any, Any], Iterator[Any]]
Paths = Callable[[Any, list[Any], Any], Iterator[tuple[list[Any], Any]]]

_NOW = compiler.compile_p  # compiles at once
_GETTER = compiler._single_getter
_KEYS = frozenset((str, int, float))


def _later(tree: Node) -> Paths:
    """The paths of a node, compiled when they are first asked for."""
    names = compiler._defined_names
    made: Paths | None = None

    def paths(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
        nonlocal made
        if made is None:
            with compiler._names_ctx(names):
                made = _NOW(tree)
        return made(data, path, env)

    return paths


def _getter(tree: Node) -> Callable[[Any, Any], Any] | None:
    """The library's function for what has exactly one result; an object of such parts has one, too."""
    if tree[0] != "object" or not all(key[0] == "const" and isinstance(key[1], str) for key, _ in tree[1]):
        return _GETTER(tree)  # type: ignore[no-any-return]  # of the library
    parts = [(key[1], _getter(value)) for key, value in tree[1]]
    known = [(name, get) for name, get in parts if get is not None]
    if len(known) < len(parts):
        return None
    return lambda data, env: {name: get(data, env) for name, get in known}


def _guarded_values(tree: Node) -> Values:
    """`?` after an access: errors of that access are no result, those of what it is applied to are errors."""
    base, access = _base_and_access(tree[1], compiler.compile_v)

    def values(data: Any, env: Any) -> Iterator[Any]:
        for value in base(data, env):
            for arguments in access(data, env):
                try:
                    found = _accessed(tree[1][0], value, arguments)
                except JqError:
                    continue
                yield from found

    return values


def _guarded_paths(tree: Node) -> Paths:
    kind = tree[1][0]
    base, access = _base_and_access(tree[1], compiler.compile_p)

    def paths(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
        for where, value in base(data, path, env):
            for arguments in access(data, env):
                try:
                    found = _accessed_paths(kind, where, value, arguments)
                except JqError:
                    continue
                yield from found

    return paths


def _base_and_access(access: Node, compile_base: Any) -> tuple[Any, Values]:
    """What is accessed, and what it is accessed with, which is evaluated on the input and unguarded."""
    kind, base, *parts = access
    if kind == "field":
        return compile_base(base), lambda data, env: iter((access[2],))
    if kind == "iterate":
        return compile_base(base), lambda data, env: iter((None,))
    if kind == "index":
        by_index: Values = compiler.compile_v(parts[0])
        return compile_base(base), by_index
    low, high = (part if part is None else compiler.compile_v(part) for part in parts)

    def bounds(data: Any, env: Any) -> Iterator[Any]:
        for start in low(data, env) if low else (None,):
            for end in high(data, env) if high else (None,):
                yield {"start": start, "end": end}

    return compile_base(base), bounds


def _accessed(kind: str, value: Any, argument: Any) -> Iterator[Any]:
    return iter(ops.iterate_value(value)) if kind == "iterate" else iter((ops.index_value(value, argument),))


def _accessed_paths(kind: str, path: list[Any], value: Any, argument: Any) -> Iterator[tuple[list[Any], Any]]:
    if kind != "iterate":
        return iter((([*path, argument], ops.index_value(value, argument)),))
    if value is None:
        return iter(())
    items = value.items() if isinstance(value, dict) else enumerate(ops.iterate_value(value))
    return (([*path, key], item) for key, item in items)


def index_value(value: Any, index: Any) -> Any:
    """`.[index]`; an error names what cannot be indexed with what."""
    kind = type(value)
    if kind is dict and type(index) is str:
        return value.get(index)
    if kind is list and type(index) in (int, float):
        at = ops._norm_index(index, len(value))
        return value[at] if at is not None and 0 <= at < len(value) else None
    if type(index) is dict and (value is None or kind is list or kind is str):
        return _slice(value, index)
    if kind is list and type(index) is list:
        return indices(value, index)
    if value is None and type(index) in _KEYS:
        return None
    raise JqError(f"Cannot index {ops.type_name(value)} with {ops.type_name(index)}")


def _slice(value: Any, bounds: dict[str, Any]) -> Any:
    low, high = bounds.get("start"), bounds.get("end")
    if any(bound is not None and type(bound) not in (int, float) for bound in (low, high)):
        raise JqError("the bounds of a slice are numbers")
    return ops.slice_value(value, low, high)


def _slice_values(tree: Node) -> Values:
    base, bounds = _base_and_access(tree, compiler.compile_v)

    def values(data: Any, env: Any) -> Iterator[Any]:
        for value in base(data, env):
            for each in bounds(data, env):
                yield _slice_of(value, each)

    return values


def _slice_paths(tree: Node) -> Paths:
    base, bounds = _base_and_access(tree, compiler.compile_p)

    def paths(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
        for where, value in base(data, path, env):
            for each in bounds(data, env):
                yield [*where, each], _slice_of(value, each)

    return paths


def _slice_of(value: Any, bounds: dict[str, Any]) -> Any:
    if value is not None and not isinstance(value, list | str):
        raise JqError(f"Cannot index {ops.type_name(value)} with object")
    return _slice(value, bounds)


def _alternative_values(tree: Node) -> Values:
    """`a // b`: what of `a` is neither null nor false, else `b`. An error of `a` is an error, as in jq."""
    first, second = compiler.compile_v(tree[1]), compiler.compile_v(tree[2])

    def values(data: Any, env: Any) -> Iterator[Any]:
        found = False
        for value in first(data, env):
            if value is not None and value is not False:
                found = True
                yield value
        if not found:
            yield from second(data, env)

    return values


def _alternative_paths(tree: Node) -> Paths:
    first, second = compiler.compile_p(tree[1]), compiler.compile_p(tree[2])

    def paths(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
        found = False
        for where, value in first(data, path, env):
            if value is not None and value is not False:
                found = True
                yield where, value
        if not found:
            yield from second(data, path, env)

    return paths


def _string_values(tree: Node) -> Values:
    """A text with expressions in it: one for each combination of their results, that of the last varying slowest."""
    form = tree[1] or "text"
    parts = [part if isinstance(part, str) else compiler.compile_v(part) for part in tree[2]]

    def values(data: Any, env: Any) -> Iterator[str]:
        choices: list[Any] = []
        for part in reversed(parts):
            choices.append((part,) if isinstance(part, str) else [apply_format(form, each) for each in part(data, env)])
            if not choices[-1]:
                return
        for chosen in product(*choices):
            yield "".join(reversed(chosen))

    return values


def _text_values(tree: Node) -> Values:
    """A text with expressions in it, each of one scalar: the plain form of `"\\(.a)"`."""
    parts = [part if isinstance(part, str) else compiler.compile_v(part) for part in tree[1]]

    def values(data: Any, env: Any) -> Iterator[str]:
        yield "".join([part if isinstance(part, str) else _small_text(next(part(data, env))) for part in parts])

    return values


def _small_text(value: Any) -> str:
    if (type(value) is str and len(value) > SMALL) or type(value) in (list, dict):
        raise HeavyError
    return text_of(value)


def _format_values(tree: Node) -> Values:
    name = tree[1]
    return lambda data, env: iter((apply_format(name, data),))


class _Function(compiler.FuncVal):  # type: ignore[misc]  # the library carries no types
    """A function where its definition is reached; its body is compiled once for all of them."""

    __slots__ = ("_shared",)

    def __init__(self, shared: Any) -> None:
        super().__init__(shared.params, shared.body, shared.ctx)
        self._shared = shared

    def compiled_v(self) -> Values:
        """The body for values."""
        values: Values = self._shared.compiled_v()
        return values

    def compiled_p(self) -> Paths:
        """The body for paths."""
        paths: Paths = self._shared.compiled_p()
        return paths


def _definition(tree: Node) -> Callable[[Any], Any]:
    """What `def` makes of a scope: one in which the function is known."""
    _, name, parameters, body, _ = tree
    shared = compiler.FuncVal(parameters, body, compiler._defined_names)
    key = (name, len(parameters))

    def scope(env: Any) -> Any:
        function = _Function(shared)
        function.env = compiler.Env(env, None, {key: function})
        return function.env

    return scope


def _defining_values(tree: Node) -> Values:
    scope, rest = _definition(tree), compiler.compile_v(tree[4])
    return lambda data, env: rest(data, scope(env))


def _defining_paths(tree: Node) -> Paths:
    scope, rest = _definition(tree), compiler.compile_p(tree[4])
    return lambda data, path, env: rest(data, path, scope(env))


def install() -> None:
    """Puts them into the library's tables, and its compiler of paths to sleep until it is needed."""
    ops.index_value = index_value
    compiler.compile_p = _later
    compiler._single_getter = _getter
    compiler._V.update(
        guarded=_guarded_values,
        slice=_slice_values,
        alt=_alternative_values,
        text=_text_values,
        str=_string_values,
        format=_format_values,
        funcdef=_defining_values,
        reduce=folds.reduce_values,
        **{"if": conditions.values_of_condition},
    )
    compiler._P.update(
        guarded=_guarded_paths,
        slice=_slice_paths,
        alt=_alternative_paths,
        funcdef=_defining_paths,
        reduce=folds.reduce_paths,
        foreach=folds.foreach_paths,
        **{"if": conditions.paths_of_condition},
    )

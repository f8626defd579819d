"""`if` with any number of `elif`: a loop, where the library calls itself once for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from streams.language.jq.library import compiler, ops

Node = tuple[Any, ...]
Values = Callable[[Any, Any], Iterator[Any]]

_NONE = object()
_IDENTITY: Node = ("identity",)


def _choices(conditions: list[Values], data: Any, env: Any, at: int = 0) -> Iterator[int]:
    """Which parts apply, one for each verdict: the number of a condition, or how many there are for `else`."""
    while at < len(conditions):
        verdicts = conditions[at](data, env)
        verdict = next(verdicts, _NONE)
        if verdict is _NONE:
            return
        following = _NONE if ops.truthy(verdict) else next(verdicts, _NONE)
        if following is not _NONE or ops.truthy(verdict):
            yield from _all_choices(conditions, data, env, at, verdict, following, verdicts)
            return
        at += 1  # the one verdict is no
    yield at


def _all_choices(conditions: list[Values], data: Any, env: Any, at: int, *verdicts: Any) -> Iterator[int]:
    first, second, rest = verdicts
    for verdict in (first, *(() if second is _NONE else (second,))):
        yield from (at,) if ops.truthy(verdict) else _choices(conditions, data, env, at + 1)
    for verdict in rest:
        yield from (at,) if ops.truthy(verdict) else _choices(conditions, data, env, at + 1)


def values_of_condition(tree: Node) -> Values:
    """`if` where values are asked for."""
    parts = [compiler.compile_v(part) for part in (*(then for _, then in tree[1]), tree[2] or _IDENTITY)]
    single = [compiler._single_getter(condition) for condition, _ in tree[1]]
    if all(single):
        return _decided(single, parts)
    conditions = [compiler.compile_v(condition) for condition, _ in tree[1]]

    def values(data: Any, env: Any) -> Iterator[Any]:
        for index in _choices(conditions, data, env):
            yield from parts[index](data, env)

    return values


def _decided(conditions: list[Callable[[Any, Any], Any]], parts: list[Values]) -> Values:
    """Where each condition has exactly one verdict, as most have."""

    def values(data: Any, env: Any) -> Iterator[Any]:
        for condition, part in zip(conditions, parts, strict=False):
            verdict = condition(data, env)
            if verdict is not None and verdict is not False:
                return part(data, env)
        return parts[-1](data, env)

    return values


def paths_of_condition(tree: Node) -> Callable[..., Iterator[Any]]:
    """`if` where paths are asked for."""
    conditions = [compiler.compile_v(condition) for condition, _ in tree[1]]
    parts = [compiler.compile_p(part) for part in (*(then for _, then in tree[1]), tree[2] or _IDENTITY)]

    def paths(data: Any, path: list[Any], env: Any) -> Iterator[Any]:
        for index in _choices(conditions, data, env):
            yield from parts[index](data, path, env)

    return paths

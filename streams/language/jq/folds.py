"""`reduce` and `foreach`: of values, where a round without a result gives null as in jq, and of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from streams.language.jq.library import compiler

Node = tuple[Any, ...]
Place = tuple[list[Any], Any]  # a path and what is there


def _scopes(patterns: list[Node]) -> Callable[[Any, Any], Iterator[Any]]:
    """The scopes in which an element is bound to its names."""
    names: set[str] = set()
    for pattern in patterns:
        compiler._collect_pattern_vars(pattern, names)
    compiled = [compiler.compile_pattern(pattern) for pattern in patterns]
    if len(compiled) == 1 and compiled[0][0] == "pvar":
        name = compiled[0][1]
        return lambda item, env: iter((compiler.Env(env, {name: item}),))
    return lambda item, env: (compiler.Env(env, bound) for bound in compiler._bindings_for(compiled, item, env, names))


def _last(results: Iterator[Any], otherwise: Any) -> Any:
    """The last of the results, or what stands for none."""
    for result in results:
        otherwise = result
    return otherwise


def reduce_values(tree: Node) -> Callable[..., Iterator[Any]]:
    """The state after the last round."""
    _, source, patterns, start, update = tree
    elements, starts, updates = compiler.compile_v(source), compiler.compile_v(start), compiler.compile_v(update)
    scopes = _scopes(patterns)

    def values(data: Any, env: Any) -> Iterator[Any]:
        for state in starts(data, env):
            for item in elements(data, env):
                for scope in scopes(item, env):
                    state = _last(updates(state, scope), None)
            yield state

    return values


def reduce_paths(tree: Node) -> Callable[..., Iterator[Place]]:
    """The place after the last round."""
    _, source, patterns, start, update = tree
    elements, starts, updates = compiler.compile_v(source), compiler.compile_p(start), compiler.compile_p(update)
    scopes = _scopes(patterns)

    def paths(data: Any, path: list[Any], env: Any) -> Iterator[Place]:
        for where, state in starts(data, path, env):
            place = (where, state)
            for item in elements(data, env):
                for scope in scopes(item, env):
                    place = _last(updates(place[1], place[0], scope), (place[0], None))
            yield place

    return paths


def foreach_paths(tree: Node) -> Callable[..., Iterator[Place]]:
    """The place after each round, or what is taken from there."""
    _, source, patterns, start, update, extract = tree
    elements, starts, updates = compiler.compile_v(source), compiler.compile_p(start), compiler.compile_p(update)
    taken = compiler.compile_p(extract if extract is not None else ("identity",))
    scopes = _scopes(patterns)

    def paths(data: Any, path: list[Any], env: Any) -> Iterator[Place]:
        for where, state in starts(data, path, env):
            place = (where, state)
            for item in elements(data, env):
                for scope in scopes(item, env):
                    for following in updates(place[1], place[0], scope):
                        place = following
                        yield from taken(place[1], place[0], scope)

    return paths

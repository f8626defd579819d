"""Functions that loop: written as loops, where the library nests a generator in a generator for each round.

So the depth of Python's stack has nothing to do with the number of rounds, and every round is paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from streams.language.jq.functions import metered_name, own
from streams.language.jq.library import JqError, builtins, ops
from streams.language.jq.meter import METER

T = TypeVar("T")

_ROUND = 4  # steps: each round evaluates expressions


def _unfold(roots: Iterator[T], successors: Callable[[T], Iterator[T]]) -> Iterator[T]:
    """Each root, then all that comes of it, depth first; successors are asked for only after their origin was used."""
    stack = [roots]
    while stack:
        for item in stack[-1]:
            METER.spend(_ROUND)
            yield item
            stack.append(successors(item))
            break
        else:
            stack.pop()


def _where(values: Iterator[Any], condition: Any) -> Iterator[Any]:
    for value in values:
        for verdict in condition.vals(value):
            if ops.truthy(verdict):
                yield value


def _children(value: Any) -> Iterator[Any]:
    return ops.iterate_value(value) if isinstance(value, (list, dict)) else iter(())


@own("recurse", 0)
def _recurse(data: Any, env: Any) -> Iterator[Any]:
    return _unfold(iter((data,)), _children)


@own("recurse", 1)
def _recurse_by(data: Any, env: Any, step: Any) -> Iterator[Any]:
    return _unfold(iter((data,)), step.vals)


@own("recurse", 2)
def _recurse_while(data: Any, env: Any, step: Any, condition: Any) -> Iterator[Any]:
    return _unfold(iter((data,)), lambda value: _where(step.vals(value), condition))


@own("while", 2)
def _while(data: Any, env: Any, condition: Any, update: Any) -> Iterator[Any]:
    return _unfold(_where(iter((data,)), condition), lambda value: _where(update.vals(value), condition))


@own("repeat", 1)
def _repeat(data: Any, env: Any, update: Any) -> Iterator[Any]:
    return _unfold(update.vals(data), update.vals)


@own("until", 2)
def _until(data: Any, env: Any, condition: Any, update: Any) -> Iterator[Any]:
    def judged(values: Iterator[Any]) -> Iterator[tuple[Any, bool]]:
        for value in values:
            for verdict in condition.vals(value):
                yield value, ops.truthy(verdict)

    def onward(entry: tuple[Any, bool]) -> Iterator[tuple[Any, bool]]:
        return iter(()) if entry[1] else judged(update.vals(entry[0]))

    return (value for value, done in _unfold(judged(iter((data,))), onward) if done)


@own("range", 1)
def _range_to(data: Any, env: Any, end: Any) -> Iterator[Any]:
    for high in end.vals(data):
        yield from _count(0, high, 1)


@own("range", 2)
def _range(data: Any, env: Any, start: Any, end: Any) -> Iterator[Any]:
    for low in start.vals(data):
        for high in end.vals(data):
            yield from _count(low, high, 1)


@own("range", 3)
def _range_by(data: Any, env: Any, start: Any, end: Any, by: Any) -> Iterator[Any]:
    for low in start.vals(data):
        for high in end.vals(data):
            for step in by.vals(data):
                yield from _count(low, high, step)


def _count(low: Any, high: Any, step: Any) -> Iterator[Any]:
    if any(type(bound) not in (int, float) for bound in (low, high, step)):
        raise JqError("range takes numbers")
    while (low < high and step > 0) or (low > high and step < 0):
        METER.spend(1)
        yield low
        low += step


def _recurse_paths(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
    def below(entry: tuple[list[Any], Any]) -> Iterator[tuple[list[Any], Any]]:
        where, value = entry
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        return (([*where, key], value[key]) for key in keys)

    return _unfold(iter(((path, data),)), below)


def _recurse_paths_by(data: Any, path: list[Any], env: Any, step: Any) -> Iterator[tuple[list[Any], Any]]:
    return _unfold(iter(((path, data),)), lambda entry: step.paths(entry[1], entry[0]))


def install() -> None:
    """Puts the path forms of the loops into the library's table."""
    builtins.PY_BUILTINS_PATH[metered_name("recurse"), 0] = _recurse_paths
    builtins.PY_BUILTINS_PATH[metered_name("recurse"), 1] = _recurse_paths_by

"""Functions that loop: written as loops, where the library nests a generator in a generator for each round.

So the depth of Python's stack has nothing to do with the number of rounds, and every round is paid for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from streams.language.jq.functions import own, own_path
from streams.language.jq.library import JqError, ops
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
    """What the update gives, again and again on the same data, as jq 1.8 has it."""
    while True:
        METER.spend(_ROUND)
        yield from update.vals(data)


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


def _bounds(data: Any, count: Any, what: str) -> Iterator[int]:
    for number in count.vals(data):
        if type(number) not in (int, float):
            raise JqError(f"{what} takes a number")
        if number < 0:
            raise JqError(f"{what} doesn't support negative {'indices' if what == 'nth' else 'count'}")
        yield math.ceil(number)


def _limited(items: Callable[[], Iterator[T]], most: int) -> Iterator[T]:
    for index, item in enumerate(items() if most else (), start=1):
        METER.spend(_ROUND)
        yield item
        if index >= most:
            return


def _skipped(items: Callable[[], Iterator[T]], fewest: int) -> Iterator[T]:
    for index, item in enumerate(items()):
        METER.spend(_ROUND)
        if index >= fewest:
            yield item


def _nth_of(items: Callable[[], Iterator[T]], number: int) -> Iterator[T]:
    for index, item in enumerate(items()):
        METER.spend(_ROUND)
        if index == number:
            yield item
            return


_COUNTED = {"limit": _limited, "skip": _skipped, "nth": _nth_of}


def _counting(name: str) -> None:
    """`limit`, `skip` and `nth`: of values and of paths."""
    choose = _COUNTED[name]

    def values(data: Any, env: Any, count: Any, items: Any) -> Iterator[Any]:
        for number in _bounds(data, count, name):
            yield from choose(lambda: items.vals(data), number)

    def paths(data: Any, path: list[Any], env: Any, count: Any, items: Any) -> Iterator[Any]:
        for number in _bounds(data, count, name):
            yield from choose(lambda: items.paths(data, path), number)

    own(name, 2)(values)
    own_path(name, 2)(paths)


for _name in _COUNTED:
    _counting(_name)


@own_path("recurse", 0)
def _recurse_paths(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
    def below(entry: tuple[list[Any], Any]) -> Iterator[tuple[list[Any], Any]]:
        where, value = entry
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        return (([*where, key], value[key]) for key in keys)

    return _unfold(iter(((path, data),)), below)


@own_path("recurse", 1)
def _recurse_paths_by(data: Any, path: list[Any], env: Any, step: Any) -> Iterator[tuple[list[Any], Any]]:
    return _unfold(iter(((path, data),)), lambda entry: step.paths(entry[1], entry[0]))

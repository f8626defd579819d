"""The nodes that `rewrite` puts into an expression: each pays for something and hands its value on.

Each exists twice, for values and for paths (what `path`, `del` and assignments evaluate).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.language.jq.library import builtins
from streams.language.jq.meter import METER


def _tick(data: Any, env: Any) -> Iterator[Any]:
    METER.spend(1)
    yield data


def _tick_path(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
    METER.spend(1)
    yield path, data


def _pay(data: Any, env: Any, steps: Any) -> Iterator[Any]:
    METER.spend(steps.g(data, env))
    yield data


def _pay_path(data: Any, path: list[Any], env: Any, steps: Any) -> Iterator[tuple[list[Any], Any]]:
    METER.spend(steps.g(data, env))
    yield path, data


def _made(data: Any, env: Any) -> Iterator[Any]:
    METER.made(data)
    yield data


def _made_path(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
    METER.made(data)
    yield path, data


def _read(data: Any, env: Any) -> Iterator[Any]:
    METER.read(data)
    yield data


def _each(data: Any, env: Any) -> Iterator[Any]:
    METER.spend(1 + (len(data) if isinstance(data, (list, dict)) else 0))
    yield data


def _each_path(data: Any, path: list[Any], env: Any) -> Iterator[tuple[list[Any], Any]]:
    for value in _each(data, env):
        yield path, value


def _copied_path(data: Any, path: list[Any], env: Any, whole: Any) -> Iterator[tuple[list[Any], Any]]:
    for value in whole.vals(data):
        METER.spend(1 + (METER.weigh(value) >> 6))
        yield path, data


def _pattern(data: Any, env: Any) -> Iterator[Any]:
    """Notes a pattern that is put together: it may be another one each time, and has to be compiled."""
    if isinstance(data, str):
        METER.made_patterns.add(data)
    yield data


def install() -> None:
    """Puts them into the library's tables, under names that no program text can spell."""
    values, paths = builtins.PY_BUILTINS, builtins.PY_BUILTINS_PATH
    values["tick ", 0], values["made ", 0], values["read ", 0] = _tick, _made, _read
    values["each ", 0], values["pattern ", 0], values["pay ", 1] = _each, _pattern, _pay
    paths["tick ", 0], paths["made ", 0], paths["each ", 0] = _tick_path, _made_path, _each_path
    paths["pay ", 1], paths["copied ", 1] = _pay_path, _copied_path

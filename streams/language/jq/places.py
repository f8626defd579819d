"""Functions of paths, and assignment along a path: what they copy is paid for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.language.jq.functions import own, own_path
from streams.language.jq.library import JqError, builtins, ops
from streams.language.jq.meter import MAX_DEPTH, MAX_WEIGHT, METER, LimitError

_library_set_path = ops.set_path


def _path(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise JqError("Path must be specified as an array")
    METER.spend(1 + (len(value) >> 2))
    if len(value) > MAX_DEPTH:
        raise LimitError(f"makes or reads a value of more than {MAX_DEPTH} levels")
    return value


@own("getpath", 1)
def _getpath(data: Any, env: Any, path: Any) -> Iterator[Any]:
    for value in path.vals(data):
        yield ops.get_path(data, _path(value))


@own_path("getpath", 1)
def _getpath_path(data: Any, path: list[Any], env: Any, places: Any) -> Iterator[Any]:
    for value in places.vals(data):
        yield path + _path(value), ops.get_path(data, value)


@own("delpaths", 1)
def _delpaths(data: Any, env: Any, paths: Any) -> Iterator[Any]:
    for places in paths.vals(data):
        if not isinstance(places, list):
            raise JqError("Paths must be specified as an array")
        METER.spend(1 + (len(places) * METER.weigh(data) >> 6))
        METER.read(places)
        value = ops.delpaths_impl(data, places)
        METER.made(value)
        yield value


def _set_path(root: Any, path: list[Any], value: Any) -> Any:
    """The library's, which would fill a list up to an index of ten millions."""
    if len(path) > MAX_DEPTH:
        raise LimitError(f"makes or reads a value of more than {MAX_DEPTH} levels")
    if path and type(path[0]) in (int, float) and (root is None or type(root) is list):
        missing = int(path[0]) - (len(root) if root else 0)
        if missing > MAX_WEIGHT:
            raise LimitError(f"makes or reads a value of more than {MAX_WEIGHT:,} nodes")
        METER.spend(max(0, missing) >> 3)
    return _library_set_path(root, path, value)


def _last_path(data: Any, path: list[Any], env: Any, values: Any) -> Iterator[Any]:
    found = None
    for place in values.paths(data, path):
        METER.spend(1)
        found = place
    if found is not None:
        yield found


def install() -> None:
    """Puts our way to assign in place of the library's, and the path of the last value into its table."""
    ops.set_path = _set_path
    builtins.PY_BUILTINS_PATH["last", 1] = _last_path

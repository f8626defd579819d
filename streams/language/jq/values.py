"""Functions that convert values and put objects and lists together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

from streams.language.jq.arithmetic import METERED, negated
from streams.language.jq.functions import own, own_path, own_plain
from streams.language.jq.library import JqError, RaisedError, ops
from streams.language.jq.meter import MAX_DEPTH, METER
from streams.language.jq.numbers import finite, parsed
from streams.language.jq.texts import json_text, text_of

_KEYS = ("key", "k", "name", "Name", "Key", "K")
_VALUES = ("value", "v", "Value", "V")


def _raised(data: Any) -> NoReturn:
    METER.read(data)  # the error carries its value as text
    raise RaisedError(data)


@own("error", 0)
def _error(data: Any, env: Any) -> NoReturn:
    _raised(data)


@own_path("error", 0)
def _error_path(data: Any, path: list[Any], env: Any) -> NoReturn:
    _raised(data)


@own("tostring", 0)
def _tostring(data: Any, env: Any) -> Iterator[Any]:
    METER.read(data)
    text = text_of(data)
    METER.made(text)
    yield text


@own("tojson", 0)
def _tojson(data: Any, env: Any) -> Iterator[Any]:
    METER.read(data)
    text = json_text(data)
    METER.made(text)
    yield text


@own("tonumber", 0)
def _tonumber(data: Any, env: Any) -> Iterator[Any]:
    METER.spend(len(data) >> 6 if type(data) is str else 0)
    yield _number(data)


@own_plain("tonumber", 0)
def _plain_tonumber(data: Any, env: Any) -> Iterator[Any]:
    yield _number(data)


def _number(data: Any) -> int | float:
    number = parsed(data) if type(data) is str else data
    if type(number) not in (int, float):
        raise JqError(f"{ops.type_name(data)} cannot be parsed as a number")
    return finite(number)


@own("toboolean", 0)
def _toboolean(data: Any, env: Any) -> Iterator[Any]:
    if type(data) is bool:
        yield data
    elif data == "true" or data == "false":
        yield data == "true"
    else:
        raise JqError(f"{ops.type_name(data)} cannot be parsed as a boolean")


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
    METER.touch(data)
    kept = [item for item in ops.iterate_value(data) if item is not None]
    kinds = set(map(type, kept))
    if kinds == {str}:
        METER.text(sum(map(len, kept)))
        total: Any = "".join(kept)
    elif kinds == {list}:
        METER.spend(sum(map(len, kept)) >> 3)
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
    METER.touch(data)
    items = list(ops.iterate_value(data))
    if any(isinstance(item, (list, dict)) for item in items):
        raise JqError("join takes a list of scalars")
    texts = ["" if item is None else text_of(item) for item in items]
    for text in separator.vals(data):
        if not isinstance(text, str) and len(items) > 1:
            raise JqError("join takes a list of scalars and a text")
        METER.text(sum(map(len, texts)) + (len(text) * len(texts) if isinstance(text, str) else 0))
        yield text.join(texts) if isinstance(text, str) else "".join(texts)


@own("from_entries", 0)
def _from_entries(data: Any, env: Any) -> Iterator[Any]:
    """Of a list of objects with a key that is a text, under any of jq's names for it."""
    METER.touch(data)
    made = {}
    for entry in ops.iterate_value(data):
        METER.spend(1)
        if not isinstance(entry, dict):
            raise JqError(f"{ops.type_name(entry)} is no entry with a key")
        key = next((entry[name] for name in _KEYS if entry.get(name) is not None), None)
        if not isinstance(key, str):
            raise JqError(f"Cannot use {ops.type_name(key)} as object key")
        made[key] = next((entry[name] for name in _VALUES if name in entry), None)
    METER.made(made)
    yield made


@own("reverse", 0)
def _reverse(data: Any, env: Any) -> Iterator[Any]:
    nothing = data in (None, "", {}, 0) and type(data) is not bool
    if not isinstance(data, list) and not nothing:
        raise JqError(f"{ops.type_name(data)} cannot be reversed, as it is not an array")
    METER.made(data)
    yield data[::-1] if data else []


@own("flatten", 0)
def _flatten(data: Any, env: Any) -> Iterator[Any]:
    yield _flat(data, MAX_DEPTH)


@own("flatten", 1)
def _flatten_to(data: Any, env: Any, depth: Any) -> Iterator[Any]:
    for levels in depth.vals(data):
        if type(levels) not in (int, float) or levels < 0:
            raise JqError("flatten depth must not be negative")
        yield _flat(data, levels)


def _flat(data: Any, levels: int | float) -> list[Any]:
    METER.read(data)
    items = list(ops.iterate_value(data))
    while levels > 0 and any(isinstance(item, list) for item in items):
        METER.spend(1 + (len(items) >> 2))
        items = [inner for item in items for inner in (item if isinstance(item, list) else (item,))]
        levels -= 1
    METER.made(items)
    return items


def _extreme(data: Any, sign: int) -> Any:
    """The first of the smallest, or the last of the largest, as jq has it."""
    if not isinstance(data, list):
        raise JqError(f"{ops.type_name(data)} cannot be examined")
    METER.read(data)
    if not data:
        return None
    best = data[0]
    for item in data[1:]:
        order = ops.jq_cmp(item, best) * sign
        if order > 0 or (order == 0 and sign > 0):
            best = item
    return best


@own("min", 0)
def _min(data: Any, env: Any) -> Iterator[Any]:
    yield _extreme(data, -1)


@own("max", 0)
def _max(data: Any, env: Any) -> Iterator[Any]:
    yield _extreme(data, 1)


@own("abs", 0)
def _abs(data: Any, env: Any) -> Iterator[Any]:
    """As jq has it: what is less than 0 in jq's order is negated, so null and booleans fail, and a text is itself."""
    yield abs(data) if type(data) in (int, float) else data if isinstance(data, str | list | dict) else negated(data)


@own("has", 1)
def _has(data: Any, env: Any, key: Any) -> Iterator[Any]:
    for value in key.vals(data):
        if type(data) is dict and type(value) is str:
            yield value in data
        elif type(data) is list and type(value) in (int, float):
            yield 0 <= value < len(data)
        elif data is None and type(value) in (int, float, str):
            yield False
        else:
            raise JqError(f"Cannot check whether {ops.type_name(data)} has a {ops.type_name(value)} key")


@own("contains", 1)
def _contains(data: Any, env: Any, other: Any) -> Iterator[Any]:
    """Every part of one value is compared with every part of another."""
    for value in other.vals(data):
        METER.spend(1 + (METER.weigh(data) * METER.weigh(value) >> 3))
        METER.read(data)
        yield ops.contains_value(data, value)


@own("indices", 1)
def _indices(data: Any, env: Any, other: Any) -> Iterator[Any]:
    for value in other.vals(data):
        yield indices(data, value)


def indices(data: Any, value: Any) -> Any:
    """Where a text is in a text, or a value or a list of values in a list; null if there is nothing to look for."""
    if data is None and not isinstance(value, list):
        return None
    if isinstance(data, str) and isinstance(value, str):
        return _text_indices(data, value)
    if not isinstance(data, list):
        raise JqError(f"Cannot index {ops.type_name(data)} with {ops.type_name(value)}")
    METER.spend(1 + (METER.weigh(data) * METER.weigh(value) >> 3))
    METER.read(data)
    return ops.indices_impl(data, value) or []


def _text_indices(data: str, value: str) -> list[int]:
    METER.text(len(data))
    found: list[int] = []
    at = data.find(value) if value else -1
    while at >= 0:
        METER.spend(1 + (len(value) >> 7))
        found.append(at)
        at = data.find(value, at + 1)
    return found

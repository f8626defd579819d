"""Places in JSON values: where one is taken from (`.order.lines[0].sku`), and where it is put (`Order.Line.@id`)."""

from __future__ import annotations

import re
from typing import Any

from schemas.payload import Json

Path = tuple[str | int, ...]
_NAME = r"[A-Za-z_@#\u00c0-\uffff][\w@#:\-\u00c0-\uffff]*"
_SOURCE = re.compile(rf'\.({_NAME})|\.?"([^"]+)"|\[(\d{{1,6}})\]')
_TARGET = re.compile(rf'({_NAME})|"([^"]+)"')
MOST_PARTS = 64  # of a place in the output, which are as many levels
MISSING: Any = object()


class PathError(ValueError):
    """A text that is no path."""


def source_path(text: str) -> tuple[bool, Path]:
    """Whether it begins at the whole input (`$.`) and not at the item (`.`), and its parts. Raises PathError."""
    whole, rest = text.startswith("$"), text.removeprefix("$")
    if rest in ("", "."):
        return whole, ()
    parts: list[str | int] = []
    at = 0 if rest[0] != "." or rest[1:2] != '"' else 1
    while at < len(rest):
        found = _SOURCE.match(rest, at)
        if found is None:
            raise PathError('is no path: write .order.number, .lines[0] or ."a name"')
        parts.append(int(found[3]) if found[3] is not None else found[1] or found[2])
        at = found.end()
    return whole, tuple(parts)


def target_path(text: str) -> tuple[str, ...]:
    """The names of a place in the output. Raises PathError."""
    parts: list[str] = []
    at = 0
    while True:
        found = _TARGET.match(text, at)
        if found is None:
            raise PathError('is no place in the output: write Order.Number, or "a name".x')
        parts.append(found[1] or found[2])
        if len(parts) > MOST_PARTS:
            raise PathError(f"leads deeper than {MOST_PARTS} levels")
        at = found.end()
        if at == len(text):
            return tuple(parts)
        if text[at] != ".":
            raise PathError('is no place in the output: write Order.Number, or "a name".x')
        at += 1


def shown(path: Path) -> str:
    """A path for people."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path) or "."


def taken(value: Json, path: Path) -> Any:
    """What stands at a path; MISSING where nothing does."""
    for part in path:
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return MISSING
            value = value[part]
        else:
            if not isinstance(value, dict) or part not in value:
                return MISSING
            value = value[part]
    return value


def put(into: dict[str, Any], path: tuple[str, ...], value: Json) -> None:
    """Puts a value at a place; the objects on the way are made."""
    for part in path[:-1]:
        into = into.setdefault(part, {})
    into[path[-1]] = value

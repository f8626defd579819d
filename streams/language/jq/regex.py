"""Regular expressions in linear time.

Python's `re` can take exponential time on a text that an outsider chose, and nothing can interrupt it. RE2 cannot: it
has no back references and no look-around, and its time is proportional to the text. The same engine serves `pattern`
in JSON Schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import re2

from streams.language.jq.functions import own
from streams.language.jq.library import JqError, ops
from streams.language.jq.meter import METER

_MAX_PATTERN = 1_000
_NAMED_GROUP = re.compile(r"\(\?<([A-Za-z_]\w*)>")


class PatternError(ValueError):
    """The pattern is not one that RE2 understands; the text says why."""


@lru_cache(maxsize=1024)
def pattern(source: str, flags: str = "") -> Any:
    """The compiled pattern; raises `PatternError`. Flags as in jq: g (all matches), i (ignore case), s (dot matches
    new lines), n, l, p."""
    if len(source) > _MAX_PATTERN:
        raise PatternError(f"the pattern is longer than {_MAX_PATTERN} characters")
    if set(flags) - set("gisnlp"):
        raise PatternError(f'"{flags}" are not flags; known are g, i, s, n, l and p')
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = "i" not in flags
    options.dot_nl = "s" in flags or "p" in flags
    options.longest_match = "l" in flags
    try:
        return re2.compile(_NAMED_GROUP.sub(r"(?P<\1>", source), options)
    except re2.error as error:
        reason = error.args[0]
        raise PatternError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def _matches(data: Any, source: Any, flags: Any, *, every: bool = False) -> Iterator[Any]:
    if not isinstance(data, str) or not isinstance(source, str) or not isinstance(flags, str | None):
        raise JqError(f"{ops.type_name(data)} cannot be matched with {ops.type_name(source)}")
    METER.text(len(data) * 8)
    try:
        found = pattern(source, flags or "").finditer(data)
    except PatternError as error:
        raise JqError(str(error)) from None
    for count, match in enumerate(found):
        if count and not every and "g" not in (flags or ""):
            return
        if "n" in (flags or "") and match.start() == match.end():
            continue
        METER.spend(1 + (len(data) >> 8))
        yield match


def _arguments(data: Any, source: Any, flags: Any = None) -> Iterator[tuple[Any, Any]]:
    for text in source.vals(data):
        for flag in flags.vals(data) if flags is not None else (None,):
            yield text, flag


def _name_of(match: Any) -> dict[int, str]:
    return {number: name for name, number in match.re.groupindex.items()}


def _described(match: Any) -> dict[str, Any]:
    names = _name_of(match)
    captures = [
        {
            "offset": match.start(number),
            "length": match.end(number) - match.start(number) if match.group(number) is not None else 0,
            "string": match.group(number),
            "name": names.get(number),
        }
        for number in range(1, match.re.groups + 1)
    ]
    return {
        "offset": match.start(),
        "length": match.end() - match.start(),
        "string": match.group(),
        "captures": captures,
    }


def _captured(match: Any) -> dict[str, Any]:
    return {name: match.group(number) for name, number in match.re.groupindex.items()}


@own("test", 1)
@own("test", 2)
def _test(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        yield any(True for _ in _matches(data, text, flag))


@own("match", 1)
@own("match", 2)
def _match(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        for match in _matches(data, text, flag):
            yield _described(match)


@own("capture", 1)
@own("capture", 2)
def _capture(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        for match in _matches(data, text, flag):
            yield _captured(match)


@own("scan", 1)
@own("scan", 2)
def _scan(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        for match in _matches(data, text, flag, every=True):
            yield list(match.groups()) if match.re.groups else match.group()


@own("split", 2)
def _split(data: Any, env: Any, source: Any, flags: Any) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        parts, end = [], 0
        for match in _matches(data, text, flag, every=True):
            parts.append(data[end : match.start()])
            end = match.end()
        yield [*parts, data[end:]]


def _replaced(data: str, matches: list[Any], replacement: Any) -> Iterator[str]:
    """Every combination of replacements, as jq has it: the first match varies slowest."""
    choices = [list(replacement.vals(_captured(match))) for match in matches]
    if not all(isinstance(choice, str) for options in choices for choice in options):
        raise JqError("a replacement has to be a text")
    ends = [0, *(match.end() for match in matches)]
    between = [data[end : match.start()] for end, match in zip(ends, matches, strict=False)]
    for chosen in product(*choices):
        METER.spend(1 + len(chosen))
        text = "".join(part for pair in zip(between, chosen, strict=True) for part in pair) + data[ends[-1] :]
        METER.made(text)
        yield text


@own("sub", 2)
@own("sub", 3)
def _sub(data: Any, env: Any, source: Any, replacement: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        yield from _replaced(data, list(_matches(data, text, flag)), replacement)


@own("gsub", 2)
@own("gsub", 3)
def _gsub(data: Any, env: Any, source: Any, replacement: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        yield from _replaced(data, list(_matches(data, text, flag, every=True)), replacement)

"""Regular expressions in linear time.

Python's `re` can take exponential time on a text that an outsider chose, and nothing can interrupt it. RE2 cannot: it
has no back references and no look-around, and its time is proportional to the text. The same engine serves `pattern`
in JSON Schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from streams.language.jq.functions import own
from streams.language.jq.library import JqError, ops
from streams.language.jq.meter import METER
from streams.language.jq.patterns import Form, cost, needs_marks, translated, with_marks

_MAX_PATTERN = 1_000
_NAMED_GROUP = re.compile(r"\(\?<([A-Za-z_]\w*)>")
_MAX_MEMORY = 4 << 20
_FLAGS = frozenset("gimnpslx")


class PatternError(ValueError):
    """The pattern is not one that RE2 understands; the text says why."""


@lru_cache(maxsize=1024)
def pattern(source: str) -> Any:
    """The pattern of a JSON Schema: classes such as `\\d` are those of ASCII. Raises `PatternError`."""
    if len(source) > _MAX_PATTERN:
        raise PatternError(f"the pattern is longer than {_MAX_PATTERN} characters")
    return _compiled(_NAMED_GROUP.sub(r"(?P<\1>", source), _options())


@lru_cache(maxsize=1024)
def _jq_pattern(source: str, flags: str, marked: bool, wide: bool) -> Any:
    """The pattern of an expression, for a text with characters beyond ASCII if `wide`: then it is dear to compile.

    Raises `PatternError`. Flags as in jq: g (all matches), i (ignore case), x (blanks
    and comments in the pattern), n (no empty matches), p (dot matches new lines), s, l (longest)."""
    if len(source) > _MAX_PATTERN:
        raise PatternError(f"the pattern is longer than {_MAX_PATTERN} characters")
    if set(flags) - _FLAGS:
        raise PatternError("the flags are not known; known are g, i, x, s, n, p and l")
    options = _options()
    options.case_sensitive = "i" not in flags
    options.dot_nl = "p" in flags
    options.longest_match = "l" in flags
    form = Form(marked=marked, wide=wide, dot_all="p" in flags)
    return _compiled(translated(source, form, extended="x" in flags), options)


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    return options


def _compiled(text: str, options: Any) -> Any:
    try:
        return re2.compile(text, options)
    except UnicodeEncodeError:
        raise PatternError("half of a surrogate pair") from None
    except re2.error as error:
        reason = error.args[0]
        raise PatternError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


@dataclass(frozen=True, slots=True)
class _Found:
    """A match: the text that it is in, the span of the whole and of each group, and the groups that have names."""

    text: str
    spans: list[tuple[int, int]]
    names: dict[str, int]

    def group(self, number: int) -> str | None:
        """What a group holds; None if it took no part."""
        start, end = self.spans[number]
        return self.text[start:end] if start >= 0 else None

    def named(self) -> dict[str, Any]:
        """What the groups with names hold."""
        return {name: self.group(number) for name, number in self.names.items()}

    def described(self) -> dict[str, Any]:
        """As `match` gives it."""
        names = {number: name for name, number in self.names.items()}
        whole, *groups = [
            {"offset": start, "length": end - start if start >= 0 else 0, "string": self.group(number)}
            for number, (start, end) in enumerate(self.spans)
        ]
        captures = [{**group, "name": names.get(number)} for number, group in enumerate(groups, start=1)]
        return {**whole, "captures": captures}


def _prepared(text: str, source: str, flags: str) -> tuple[Any, str, bool]:
    """The compiled pattern, the text as it is searched, and whether that is the marked one."""
    wide = not text.isascii()
    marked = wide and needs_marks(source)
    if source in METER.made_patterns:
        METER.spend(cost(source, wide=wide))
    compiled = _jq_pattern(source, flags, marked, wide)
    if marked:
        METER.spend(len(text) >> 2)
        return compiled, with_marks(text), True
    return compiled, text, False


def _is_found(text: str, source: str, flags: str) -> bool:
    if "n" in flags:
        return any(True for _ in _found(text, source, flags))
    compiled, searched, _ = _prepared(text, source, flags)
    return next(_matches(compiled, searched, "$" in source or "\\Z" in source), None) is not None


def _found(text: str, source: str, flags: str) -> Iterator[_Found]:
    """Every match, each place once, as jq goes on from one to the next."""
    compiled, searched, marked = _prepared(text, source, flags)
    names = dict(compiled.groupindex)
    divisor = 2 if marked else 1
    last_empty = -1
    for match in _matches(compiled, searched, "$" in source or "\\Z" in source):
        METER.spend(1 + (len(text) >> 8))
        spans = [
            (start // divisor, end // divisor) if start >= 0 else (-1, -1)
            for start, end in (match.span(number) for number in range(compiled.groups + 1))
        ]
        start, end = spans[0]
        if start == end:
            if start == last_empty or "n" in flags:
                continue
            last_empty = start
        yield _Found(text, spans, names)


def _matches(compiled: Any, text: str, asks_for_end: bool) -> Iterator[Any]:
    """To jq `$` is also the place before a last new line."""
    if not asks_for_end or not text.rstrip("\ufdd0\ufdd1").endswith("\n"):
        yield from compiled.finditer(text)
        return
    shorter = text[: text.rindex("\n")]
    at = 0
    while at <= len(text):
        METER.spend(1 + (len(text) >> 7))
        matches = [compiled.search(text, at), compiled.search(shorter, at) if at <= len(shorter) else None]
        found = min((match for match in matches if match), key=lambda match: int(match.start()), default=None)
        if found is None:
            return
        yield found
        at = found.end() + (found.start() == found.end())


def _checked(data: Any, source: Any, flags: Any) -> None:
    if not isinstance(data, str):
        raise JqError(f"{ops.type_name(data)} cannot be matched, as it is not a string")
    if not isinstance(source, str) or not isinstance(flags, str | None):
        raise JqError(f"{ops.type_name(source if isinstance(flags, str | None) else flags)} is not a string")
    METER.text(len(data) * 8)


def _every(data: Any, source: Any, flags: Any, *, every: bool = False) -> Iterator[_Found]:
    _checked(data, source, flags)
    try:
        for match in _found(data, source, flags or ""):
            yield match
            if not every and "g" not in (flags or ""):
                return
    except PatternError as error:
        raise JqError(str(error)) from None


def _arguments(data: Any, source: Any, flags: Any = None) -> Iterator[tuple[Any, Any]]:
    for text in source.vals(data):
        METER.spend(1)
        for flag in flags.vals(data) if flags is not None else (None,):
            yield text, flag


def _spread(data: Any, source: Any, flags: Any = None) -> Iterator[tuple[Any, Any]]:
    """The pattern may come with its flags as a list of one or two texts."""
    for text, flag in _arguments(data, source, flags):
        if isinstance(text, list) and flags is None:
            if not 0 < len(text) <= 2:
                raise JqError("a pattern is a text, or a list of a text and its flags")
            yield text[0], text[1] if len(text) > 1 else None
        else:
            yield text, flag


@own("test", 1)
@own("test", 2)
def _test(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _spread(data, source, flags):
        _checked(data, text, flag)
        try:
            yield _is_found(data, text, flag or "")
        except PatternError as error:
            raise JqError(str(error)) from None


@own("match", 1)
@own("match", 2)
def _match(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _spread(data, source, flags):
        for match in _every(data, text, flag):
            yield match.described()


@own("capture", 1)
@own("capture", 2)
def _capture(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _spread(data, source, flags):
        for match in _every(data, text, flag):
            yield match.named()


@own("scan", 1)
@own("scan", 2)
def _scan(data: Any, env: Any, source: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        for match in _every(data, text, flag, every=True):
            groups = [match.group(number) for number in range(1, len(match.spans))]
            yield groups or match.group(0)


@own("split", 2)
def _split(data: Any, env: Any, source: Any, flags: Any) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        parts, end = [], 0
        for match in _every(data, text, flag, every=True):
            parts.append(data[end : match.spans[0][0]])
            end = match.spans[0][1]
        yield [*parts, data[end:]]


def _replaced(data: str, matches: list[_Found], replacement: Any) -> Iterator[str]:
    """One text for each result of the replacement: the n-th of every match; a match that has fewer is left out with
    what stands before it, as jq does."""
    choices = [list(replacement.vals(match.named())) for match in matches]
    if not any(choices):
        matches, choices = [], []
    ends = [0, *(match.spans[0][1] for match in matches)]
    between = [data[end : match.spans[0][0]] for end, match in zip(ends, matches, strict=False)]
    for turn in range(max(map(len, choices), default=0) or 1):
        METER.spend(1 + len(choices))
        parts: list[str] = []
        for before, options in zip(between, choices, strict=True):
            if turn < len(options):
                if not isinstance(options[turn], str):
                    raise JqError(f"{ops.type_name(options[turn])} cannot be added to a string")
                parts += [before, options[turn]]
        METER.text(sum(map(len, parts)) + len(data))
        yield "".join([*parts, data[ends[-1] :]])


@own("sub", 2)
@own("sub", 3)
def _sub(data: Any, env: Any, source: Any, replacement: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        yield from _replaced(data, list(_every(data, text, flag)), replacement)


@own("gsub", 2)
@own("gsub", 3)
def _gsub(data: Any, env: Any, source: Any, replacement: Any, flags: Any = None) -> Iterator[Any]:
    for text, flag in _arguments(data, source, flags):
        yield from _replaced(data, list(_every(data, text, flag, every=True)), replacement)

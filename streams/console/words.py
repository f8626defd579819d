"""Words for people: names of steps, spans of time, sizes, statuses. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from schemas.reasons import MEANINGS, Effect, Reason
from streams.ground.spans import DAY as DAY
from streams.ground.spans import HOUR as HOUR
from streams.ground.spans import SECOND as SECOND
from streams.ground.spans import span as span

_EDGES = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s_\-.]+")

STATUS_WORDS: Final[Mapping[str, str]] = {"open": "Open", "faulted": "Failed", "incident": "Stopped"}

KINDS: Final[Mapping[str, str]] = {
    "": "a task", "decide": "a model decides", "human": "people answer", "switch": "a choice", "set": "sets data",
    "wait": "lets time pass", "listen": "waits for an event", "run": "another workflow", "emit": "tells an event",
    "raise": "raises an error", "fork": "side by side", "for": "once for each", "map": "once for each, side by side",
    "try": "with a way out", "do": "several steps", "foreach": "once for each event", "function": "a function",
}  # fmt: skip

EFFECTS: Final[Mapping[str, str]] = {
    Effect.NONE: "Nothing was changed in the other system, so doing it again does no harm.",
    Effect.DONE: "The other system has done it.",
    Effect.UNKNOWN: "Nobody here can tell whether the other system has done it. Look there before doing it again.",
}


def reason(name: str) -> str:
    """What a reason of the table means; the name itself where the table does not know it."""
    known = Reason.__members__.get(name)
    return MEANINGS[known].title if known else name


def narrowed(filters: Mapping[str, str]) -> str:
    """What a list was narrowed to: `status stopped, step note`."""
    said: Mapping[str, Callable[[str], str]] = {"status": status_word, "reason": reason, "workflow": titled}
    told = {name: small(said[name](value)) if name in said else value for name, value in filters.items()}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())


def small(text: str) -> str:
    """A text that goes on behind others: no capital first, but for what is one word of capitals."""
    return text if text[:2].isupper() or len(text) < 2 else text[:1].lower() + text[1:]


def kind(name: str) -> str:
    """What a step does, by its keyword or function."""
    return KINDS.get(name) or f"calls {name}"


@lru_cache(1_000)  # a list says the same few of each row
def titled(name: str) -> str:
    """A name of a program's as words: `reviewApplication` is `Review application`."""
    parts = [part for part in _EDGES.split(name) if part]
    words = [part if part.isupper() and len(part) > 1 else part.lower() for part in parts]
    text = " ".join(words)
    return text[:1].upper() + text[1:] if text else name


def status_word(status: str) -> str:
    """A status as people call it."""
    return STATUS_WORDS.get(status) or titled(status)


def size(count: int) -> str:
    """A number of bytes."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def number(value: float) -> str:
    """A number as people read it: thousands apart, no more digits than matter."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def counted(count: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 task`, `3 tasks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def plain(value: Any) -> str:
    """A small value on one line: text as it is, whatever else as people would write it."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value)
        case str():
            return value
        case list():
            return ", ".join(plain(each) for each in value)
    return ", ".join(f"{titled(name)} {plain(each)}" for name, each in value.items())

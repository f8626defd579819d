"""What a replay is asked for: which events, processed with what, how fast; and whether an event is one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.payload import Json
from streams.language.expressions import Condition, ExpressionError, expression
from streams.language.graph import Expression
from streams.processors.replay.answers import Effects

USUAL_RATE = 100.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A definition that is not deployed, or not the latest."""

    digest: str
    yaml: str = ""  # empty where it is deployed


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a replay that does not change."""

    topics: tuple[str, ...]
    since_ms: int | None = None
    until_ms: int | None = None
    offsets: tuple[tuple[int, int, int], ...] = ()  # partition, first, the one behind the last; of one topic
    types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()  # statuses of the first run
    error: str = ""  # a part of why the first run failed
    where: str = ""  # jq, of the event's data
    definitions: Mapping[str, Candidate] = {}  # by workflow: what its events are processed with
    models: Mapping[str, str] = {}  # versions by name, in place of those in force
    effects: Effects = Effects.OFF
    rate: float = USUAL_RATE  # events a second
    live: bool = False  # a shadow: events whose run ends from now on, `until_ms` or until somebody ends it


def encode(request: Request) -> bytes:
    """As JSON."""
    return msgspec.json.encode(request)


def decode(raw: bytes) -> Request:
    """Raises ValueError for what is none."""
    return msgspec.json.decode(raw, type=Request)


class Selection:
    """Which events are meant. Raises ProgramError for a `where` that is no jq."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._where: Expression | None = Condition(expression(request.where)) if request.where else None

    def takes(self, attributes: Mapping[str, str], data: Json) -> bool:
        """Whether an event is meant, by what it says itself. Where `where` fails on its data, it is not."""
        request = self._request
        for name, wanted in (("type", request.types), ("source", request.sources), ("subject", request.subjects)):
            if wanted and attributes.get(name) not in wanted:
                return False
        try:
            return self._where is None or self._where.evaluate(data, {}) is True
        except ExpressionError:
            return False

    @property
    def asks_for_runs(self) -> bool:
        """Whether it matters what became of an event first."""
        return bool(self._request.outcomes or self._request.error)

    def takes_run(self, ended: str) -> bool:
        """Whether an event is meant, by how its first run ended."""
        status, _, reason = ended.partition(": ")
        if self._request.outcomes and status not in self._request.outcomes:
            return False
        return self._request.error in reason if self._request.error else True


def in_words(request: Request) -> dict[str, Any]:
    """The request as people and JSON are told it, without the text of definitions."""
    told: dict[str, Any] = msgspec.to_builtins(request)
    told["definitions"] = {name: each.digest for name, each in request.definitions.items()}
    return told


def workflows(request: Request) -> Sequence[str]:
    """The workflows whose events are processed."""
    return tuple(request.definitions)

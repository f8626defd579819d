"""What is told of a run, the first or a later one, so that the two can be compared: how it ended, and by which ways.

Computed from what both have: the engine's transitions, what steps were asked and what they answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from schemas.payload import Json, Payload, UnreadablePayloadError
from schemas.steps import COMPLETED, Problem
from streams.engine import StepResult
from streams.language.undoing import name_at
from streams.processors.costs import NOTHING, Prices
from streams.processors.decide import DECIDE, RULES
from streams.processors.emit import EMIT
from streams.processors.human import HUMAN

NONE = "none"
"""How a run ended that is not on record."""
UNANSWERED = "unanswered"
GIVEN_UP = "given up"

ROUTE_OF: Mapping[str, str] = {DECIDE.name: "route", RULES.name: "route", HUMAN.name: "outcome"}
"""The member of its output that says which way a step chose, by function."""
COMPUTED = frozenset({DECIDE.name, RULES.name})


def name_of(pointer: str) -> str:
    """The name of the task at a pointer."""
    return name_at(pointer)


@dataclass(slots=True)
class Tale:
    """One run."""

    ended: str = NONE
    output: Payload | None = None
    routes: dict[str, str] = field(default_factory=dict)  # the last of each task
    calls: int = 0
    people: int = 0
    cost: float = 0.0
    took_ms: int | None = None

    def asked(self, function: str, arguments: Payload, prices: Prices) -> None:
        """Takes note of a step, and of what it costs."""
        with suppress(UnreadablePayloadError):
            self.cost += prices.of(function, arguments.value()) if prices is not NOTHING else 0.0
        if function == HUMAN.name:
            self.people += 1
        elif function not in COMPUTED and function != EMIT.name:
            self.calls += 1

    def answered(self, function: str, result: StepResult) -> None:
        """Takes note of an answer: the route, where it chose one."""
        member = ROUTE_OF.get(function)
        if member is None or result.output is None or result.status != COMPLETED:
            return
        try:
            output: Json = result.output.value()
        except UnreadablePayloadError:
            return
        route = output.get(member) if isinstance(output, dict) else None
        if isinstance(route, str):
            self.routes[name_of(result.pointer)] = route

    @property
    def routes_text(self) -> str:
        """The routes as the same text for the same routes."""
        return json.dumps(self.routes, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def ending(status: str, error: Problem | None) -> str:
    """How a run ended: its status, and why where that was an error."""
    if error is None:
        return status
    reason = error.get("reason") or str(error.get("type", "")).rpartition("/")[2]
    return f"{status}: {reason}" if reason else status


def problem_of(data: Payload | None) -> Problem | None:
    """The problem that history tells."""
    try:
        value = None if data is None else data.value()
    except UnreadablePayloadError:
        return None
    return value if isinstance(value, dict) else None

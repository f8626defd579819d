"""The report of a replay: what came out before and after as a table of changes, and what lies behind each cell.

Folded from groups of equal results, so that it costs as much as there are kinds of results, not as many as there are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from streams.processors.replay.tale import GIVEN_UP, NONE, UNANSWERED

NOT_TAKEN = "–"
"""In place of a route, where a run has not come to the task."""

STOPPED = (UNANSWERED, GIVEN_UP)
Group = Mapping[str, Any]  # columns of `reader.Groups`, and how many results are equal in them


def reported(groups: Iterable[Group]) -> dict[str, Any]:
    """The report as JSON."""
    outcomes: Counter[tuple[str, str]] = Counter()
    routes: Counter[tuple[str, str, str]] = Counter()
    stopped: Counter[str] = Counter()
    outputs: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    costs = {"before": 0.0, "after": 0.0}
    for group in groups:
        number, before, after = int(group["number"]), group["before"], group["after"]
        outcomes[before, after] += number
        for task, first, again in changed_routes(group):
            routes[task, first, again] += number
        if group["stopped_at"]:
            stopped[group["stopped_at"]] += number
        costs["before"] += group["before_cost"] or 0.0
        costs["after"] += group["after_cost"] or 0.0
        outputs[_compared(group["same_output"])] += number
        sums["events"] += number
        for name in ("before_calls", "after_calls", "before_people", "after_people", "assumed", "real"):
            sums[name] += int(group[name] or 0)
        if before == after == "completed":
            sums["timed"] += number
            sums["before_ms"] += int(group["before_ms"] or 0)
            sums["after_ms"] += int(group["after_ms"] or 0)
    return {
        "events": sums["events"],
        "outcomes": [_cell(key, number, "before", "after") for key, number in _ordered(outcomes)],
        "routes": [_cell(key, number, "task", "before", "after") for key, number in _ordered(routes)],
        "stopped": [{"step": step, "events": number} for step, number in _ordered(stopped)],
        "outputs": {name: outputs[name] for name in ("same", "changed", "not compared")},
        "people": {"before": sums["before_people"], "after": sums["after_people"]},
        "calls": {"before": sums["before_calls"], "after": sums["after_calls"], "real": sums["real"]},
        "cost": {name: round(cost, 4) for name, cost in costs.items()},
        "assumed": sums["assumed"],
        "time": {"compared": sums["timed"], "before_ms": sums["before_ms"], "after_ms": sums["after_ms"]},
    }


def changed_routes(group: Group) -> list[tuple[str, str, str]]:
    """Every task that either run chose a route at, with both. A run that stopped may have come to it yet."""
    first, again = json.loads(group["before_routes"]), json.loads(group["after_routes"])
    if group["before"] == NONE:
        first = {}
    missing = group["after"] if group["after"] in STOPPED else NOT_TAKEN
    tasks = dict.fromkeys((*first, *again))
    return [(task, first.get(task, NOT_TAKEN), again.get(task, missing)) for task in tasks]


def _compared(same: bool | None) -> str:
    return "not compared" if same is None else "same" if same else "changed"


def _ordered(found: Counter[Any]) -> list[tuple[Any, int]]:
    """What has changed first, and of that the most frequent."""
    return sorted(found.items(), key=lambda item: (_is_same(item[0]), -item[1], item[0]))


def _is_same(key: Any) -> bool:
    return isinstance(key, tuple) and key[-1] == key[-2]


def _cell(key: tuple[str, ...], number: int, *names: str) -> dict[str, Any]:
    return {**dict(zip(names, key, strict=True)), "events": number, "same": key[-1] == key[-2]}

"""Which tasks call which outside system: those whose definition names its connection, be it to fall back on it.

A connection that a task takes from its data is named nowhere, and no task is found by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.hub.connections import folded, named
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services
from streams.language.constructs.call import Call
from streams.language.graph import Graph
from streams.processors.view.search import Place


def called(graph: Graph) -> dict[str, set[str]]:
    """The connections of each task that calls any, by its pointer."""
    tasks = {task.pointer: _of(task.document) for task in graph.tasks if isinstance(task, Call)}
    return {pointer: names for pointer, names in tasks.items() if names}


def by_connection(ours: Services) -> dict[str, list[Place]]:
    """The tasks of all definitions that call any, by connection."""
    found: dict[str, list[Place]] = {}
    for each in ours.definitions.deployed():
        for pointer, names in (called(each.graph) if each.graph is not None else {}).items():
            for name in names:
                found.setdefault(name, []).append((each.name, each.version, pointer))
    return found


def calling(ours: Services, connection: str) -> list[Place]:
    """The tasks of all definitions that call a connection; raises ProblemError where there is none."""
    known = by_connection(ours)
    if (places := known.get(folded(connection))) is None:
        there = f"there are {', '.join(sorted(known))}" if known else "there is none"
        raise ProblemError(400, "query", f"No task of a deployed definition names a connection so; {there}.")
    return places


def _of(task: Mapping[str, Any]) -> set[str]:
    recovery = (task.get("metadata") or {}).get("recovery") or {}
    calls = [task, *recovery.get("fallback", ())]
    return {name for each in calls for name in named(each.get("with") or {})}

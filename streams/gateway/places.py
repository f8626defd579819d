"""Which tasks call which outside system: those whose definition names its connection, be it to fall back on it.

A connection that a task takes from its data is named nowhere, and no task is found by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.hub.connections import folded
from streams.gateway.problems import ProblemError
from streams.gateway.services import Services
from streams.language.constructs.call import Call
from streams.language.graph import Graph
from streams.processors.view.search import Place

_SCHEME = "connection://"


def named(arguments: Mapping[str, Any]) -> Iterator[str]:
    """The connection that the arguments of a call name, where that is no matter of data."""
    endpoint = arguments.get("endpoint")
    uri = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
    found = [arguments.get("connection")]
    if isinstance(uri, str) and uri.startswith(_SCHEME):
        found.append(uri.removeprefix(_SCHEME).partition("/")[0])
    yield from (folded(name) for name in found if isinstance(name, str) and "{" not in name)


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

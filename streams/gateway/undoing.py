"""What an instance has done and what of that would be undone, were it given up: told before anybody decides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.codec import UndecodableRecord
from schemas.lifecycle import TERMINAL, Phase
from schemas.payload import Payload
from streams.gateway.openapi import Schema
from streams.gateway.services import Services
from streams.language.graph import Graph

MOST_ENTRIES = 2_000
TO_UNDO: Schema = {
    "type": ["array", "null"],
    "items": {"type": "string"},
    "description": "Of an open one: the steps that would be undone if it were cancelled or failed, the last first; "
    "null where that is not told.",
}
UNDO: Schema = {"type": "boolean", "default": True, "description": "Whether what its steps have done is undone first."}
Transitions = Iterable[Mapping[str, Any]]


async def to_undo(ours: Services, row: Mapping[str, Any]) -> list[str] | None:
    """The steps of an open instance that would be undone, in that order; None where its history is too long to tell."""
    graph = ours.definitions.graph(row["digest"])
    if graph is None or not graph.undoes or row["status"] in TERMINAL:
        return []
    rows = await asyncio.to_thread(ours.reader.history, row["instance_id"], limit=MOST_ENTRIES + 1)
    if len(rows) > MOST_ENTRIES:
        return None
    found: list[Mapping[str, Any]] = []
    for each in rows:
        try:
            _, entry = await ours.codec.decode_learning(each["message"])
        except UndecodableRecord:
            return None
        found += entry["transitions"]
    return undoable(graph, found)


def undoable(graph: Graph, transitions: Transitions) -> list[str]:
    """The pointers of the steps that have done something and say how it is undone, the last first."""
    undone = {task.pointer for task in graph.tasks if getattr(task, "undo", -1) >= 0}
    done: dict[tuple[str, int], None] = {}
    for each in transitions:
        step = (each["pointer"], each["iteration"])
        if step[0] not in undone:
            continue
        if each["phase"] == Phase.TASK_UNDONE:
            done.pop(step, None)
        elif each["phase"] == Phase.TASK_COMPLETED or (each["phase"] == Phase.TASK_SETTLED and _was_done(each)):
            done.pop(step, None)
            done[step] = None
    return [pointer for pointer, _ in reversed(done)]


def _was_done(transition: Mapping[str, Any]) -> bool:
    data = transition["data"]
    return isinstance(data, Payload) and data.value().get("effect") == "done"

"""Failed steps on their way to an incident: when each is tried again, and how often yet."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from connectors.hub.connections import folded
from schemas.times import rfc3339
from streams.gateway.answers import OPTIONAL_TEXT, TEXT
from streams.gateway.openapi import Schema, list_of, object_of
from streams.gateway.places import called
from streams.gateway.services import Services
from streams.readmodel.paging import Found

RETRYING: Schema = {
    **list_of(
        object_of(
            {
                "pointer": TEXT,
                "iteration": {"type": "integer"},
                "attempt": {"type": "integer"},
                "function": TEXT,
                "retry": {"type": "integer", "description": "Number of the re-attempt that comes next."},
                "retries": {"type": "integer", "description": "How many there are at most."},
                "left": {"type": "integer", "description": "How many there are yet, that one included."},
                "due": TEXT,
                "reason": OPTIONAL_TEXT,
                "connections": {**list_of(TEXT), "description": "The systems that its definition names."},
            }
        )
    ),
    "description": "Failed steps that wait for their next try.",
}
SHOWN = ("pointer", "iteration", "attempt", "function", "retry", "retries", "reason")


NARROWING = ("reason", "step", "connection")


async def retrying(
    ours: Services,
    instances: Collection[Found],
    *,
    reason: str | None = None,
    step: str | None = None,
    connection: str | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """By instance, the first to be tried again first; those with this reason, step (its name or its pointer) or
    connection only.
    """
    digests = {row["instance_id"]: row["digest"] for row in instances}
    calls: dict[str, dict[str, set[str]]] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await asyncio.to_thread(ours.reader.retrying, digests.keys()):
        digest = digests[row["instance_id"]]
        if digest not in calls:
            calls[digest] = called(graph) if (graph := ours.definitions.graph(digest)) is not None else {}
        connections = calls[digest].get(row["pointer"], set())
        if reason not in (None, row["reason"]) or step not in (None, row["pointer"], row["pointer"].rpartition("/")[2]):
            continue
        if connection is not None and folded(connection) not in connections:
            continue
        shown = {name: row[name] for name in SHOWN}
        left = row["retries"] - row["retry"] + 1
        told = {**shown, "left": left, "due": rfc3339(row["due_ms"]), "connections": sorted(connections)}
        found.setdefault(row["instance_id"], []).append(told)
    return found

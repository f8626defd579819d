"""Failed steps on their way to an incident: when each is tried again, and how often yet."""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.times import rfc3339
from streams.gateway.answers import OPTIONAL_TEXT, TEXT
from streams.gateway.openapi import Schema, list_of, object_of
from streams.gateway.services import Services

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
            }
        )
    ),
    "description": "Failed steps that wait for their next try.",
}
SHOWN = ("pointer", "iteration", "attempt", "function", "retry", "retries", "reason")


async def retrying(ours: Services, instance_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """By instance, the first to be tried again first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await asyncio.to_thread(ours.reader.retrying, instance_ids):
        shown = {name: row[name] for name in SHOWN}
        left = row["retries"] - row["retry"] + 1
        found.setdefault(row["instance_id"], []).append({**shown, "left": left, "due": rfc3339(row["due_ms"])})
    return found

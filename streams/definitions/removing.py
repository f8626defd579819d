"""Versions that were removed: nobody can name them any more, and their definitions stay for what ran on them.

Deploying the same text again brings a version back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from schemas.codec import Codec
from schemas.messages import VERSION_REMOVED
from schemas.payload import Json
from streams.definitions import DEFINITIONS
from streams.ground.publish import Outgoing, Publishing

if TYPE_CHECKING:
    from streams.definitions.book import Deployed


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody has removed a version."""

    digest: str
    name: str
    version: str
    why: str
    actor: str
    at_ms: int


async def remove(publisher: Publishing, codec: Codec, removal: Removal) -> None:
    """Publishes a removal; from its acknowledgement on, everybody goes by it within a second or so."""
    value = codec.encode(VERSION_REMOVED, msgspec.structs.asdict(removal))
    await publisher.publish([Outgoing(DEFINITIONS, f"removed:{removal.digest}".encode(), value)])


def named_by(wanted: Deployed, known: Iterable[Deployed]) -> list[Deployed]:
    """Those other definitions whose tasks start this very version."""
    meant = (wanted.namespace, wanted.name, wanted.version)
    return [
        each
        for each in known
        if each.graph is not None
        and each.digest != wanted.digest
        and any(meant in _named(task.document) for task in each.graph.tasks)
    ]


def _named(value: Json) -> Iterator[tuple[Json, Json, Json]]:
    """The workflows that a task as written names, with their versions."""
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key == "workflow" and isinstance(inner, dict):
            yield inner.get("namespace"), inner.get("name"), inner.get("version")
        yield from _named(inner)

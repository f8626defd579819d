"""Messages as rows keep them: decoded for people, where one that cannot be read spoils no list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import structlog

from schemas.codec import Codec, UndecodableRecord
from streams.readmodel.paging import Found

log = structlog.get_logger()


class Stored(NamedTuple):
    """The messages of some rows, in their order, and how many rows have none that can be read."""

    messages: list[dict[str, Any]]
    unreadable: int


async def stored(codec: Codec, rows: Iterable[Found]) -> Stored:
    """What the rows hold. Those that are left out are told in the log."""
    found, unreadable = [], 0
    for row in rows:
        try:
            found.append((await codec.decode_learning(row["message"]))[1])
        except UndecodableRecord as error:
            unreadable += 1
            log.warning("row of the read model left out", reason=error.reason)
    return Stored(found, unreadable)

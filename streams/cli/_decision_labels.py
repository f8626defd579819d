"""What turned out about decisions, by their ids, for who goes through many: in a file, so that memory is bounded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from streams.cli import _models as ours
from streams.cli._past_messages import past_messages

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.ground.settings import Settings
    from streams.processors.decide.states import ModelBook

_TABLE = "CREATE TABLE labels (decision_id TEXT PRIMARY KEY, label TEXT, at TEXT, source TEXT) WITHOUT ROWID"
_ASKED = "SELECT label, at, source FROM labels WHERE decision_id = ?"


class TurnedOut(NamedTuple):
    """The first label of a decision, which counts."""

    label: str
    at: str  # RFC 3339
    source: str  # audit, correction, or as whoever told it says


@contextmanager
def turned_out(model: str | None) -> Iterator[Callable[[str], TurnedOut | None]]:
    """What is known of a decision by its id, of one model or all: on record where Exlify runs, else nothing."""
    with closing(sqlite3.connect("")) as known:  # a file of its own, gone when it is closed
        known.execute(_TABLE)

        async def work(settings: Settings, codec: Codec | None, book: ModelBook) -> None:
            if codec is not None:
                await _fill(known, settings, codec, model)

        ours.with_book(work)

        def of(decision_id: str) -> TurnedOut | None:
            found = known.execute(
                "SELECT label, at, source FROM labels WHERE decision_id = ?", (decision_id,)
            ).fetchone()
            return TurnedOut(*found) if found else None

        yield of


async def _fill(known: sqlite3.Connection, settings: Settings, codec: Codec, model: str | None) -> None:
    from schemas.messages import LABEL
    from schemas.times import rfc3339
    from streams.processors import monitor

    async for name, data in past_messages(settings, codec, monitor.LABELS):
        if name == LABEL and data["first"] and model in (None, data["model"]):
            row = (data["decision_id"], data["label"], rfc3339(data["at_ms"]), data["source"])
            known.execute("INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?)", row)

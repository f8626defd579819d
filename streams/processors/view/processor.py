"""Station 6, view: history, tasks and decisions become rows that people can query, within the batch that brought them.

Keeps no state table: its effect is one SQL transaction for each batch, which gives the same rows when the batch comes
again. While the database is away the partition waits; Kafka keeps what it has not seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from streams.processors import view
from streams.processors.context import Context
from streams.processors.view.ages import Ages
from streams.readmodel.database import open_database
from streams.readmodel.reader import Reader
from streams.readmodel.writer import Received, Writer
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, StateView

AWAY_PAUSE_S = 1.0

log = structlog.get_logger()


class View(FastProcessor):
    """History, tasks and decisions in, rows out."""

    declaration = view.DECLARATION

    def __init__(self, context: Context) -> None:
        self._settings = context.settings
        self._engine: Engine | None = None
        self._ages: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Opens the database and makes its tables; raises UnavailableError if it does not answer."""
        self._engine = await asyncio.to_thread(open_database, self._settings)
        self._writer = Writer(self._engine)
        self._ages = asyncio.create_task(Ages(Reader(self._engine)).keep())

    async def close(self) -> None:
        """Closes the connections."""
        if self._ages is not None:
            self._ages.cancel()
        if self._engine is not None:
            self._engine.dispose()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Makes the batch visible. A task that the topic forgets stays readable here."""
        received = [
            Received(each.name, each.data, each.record.value) for each in batch if each.record.value is not None
        ]
        try:
            self._writer.write(received)
        except OperationalError as error:
            log.warning("read model away", reason=" ".join(str(error.orig).split()))
            raise NotYet("the read model does not answer", lambda: asyncio.sleep(AWAY_PAUSE_S)) from None
        return Effects([], {})

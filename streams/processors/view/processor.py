"""Station 6, view: history, tasks and decisions become rows that people can query, within the batch that brought them.

Which rows, the processors declare whose messages they are made of; the view knows none of them.
Keeps no state table: its effect is one SQL transaction for each batch, which gives the same rows when the batch comes
again. While the database is away the partition waits; Kafka keeps what it has not seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from streams.processors import view
from streams.processors.context import Context
from streams.processors.view.ages import Ages
from streams.processors.view.reader import Reader
from streams.readmodel.database import is_away, open_database, reason_of
from streams.readmodel.projection import Received, projections
from streams.readmodel.writer import Writer
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, StateView

AWAY_PAUSE_S = 1.0

log = structlog.get_logger()


class View(FastProcessor):
    """Messages in, rows out."""

    declaration = view.DECLARATION

    def __init__(self, context: Context) -> None:
        self._settings = context.settings
        self._projections = projections(context.declarations)
        self._engine: Engine | None = None
        self._ages: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Opens the database and makes its tables; raises what `open_database` does."""
        self._engine = await asyncio.to_thread(open_database, self._settings, self._projections)
        self._writer = Writer(self._engine, self._projections)
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
        except SQLAlchemyError as error:
            if not is_away(error):  # a layout that was changed while we run: the next start mends or refuses it
                raise
            log.warning("read model away", reason=reason_of(error))
            raise NotYet("the read model does not answer", lambda: asyncio.sleep(AWAY_PAUSE_S)) from None
        return Effects([], {})

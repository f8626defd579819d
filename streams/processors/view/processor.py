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

from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from streams.ground import topics
from streams.ground.settings import Settings
from streams.readmodel.ages import Ages
from streams.readmodel.database import open_database
from streams.readmodel.reader import Reader
from streams.readmodel.writer import Received, Writer
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, Message, NotYet, Row, StateView, TableSpec

AWAY_PAUSE_S = 1.0

log = structlog.get_logger()


class View:
    """History, tasks and decisions in, rows out."""

    name = "view"
    inputs = (topics.HISTORY, topics.HUMAN_TASK, topics.DECISION)
    table: TableSpec | None = None
    framed = False  # a task that is forgotten is a record without a value

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._settings = settings
        self._codec = codec
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
        effects = Effects([], {})
        received = [item for message in batch if (item := self._received(message, effects)) is not None]
        try:
            self._writer.write(received)
        except OperationalError as error:
            log.warning("read model away", reason=" ".join(str(error.orig).split()))
            raise NotYet("the read model does not answer", lambda: asyncio.sleep(AWAY_PAUSE_S)) from None
        return effects

    def _received(self, message: Message, effects: Effects) -> Received | None:
        value = message.record.value
        if value is None:
            return None
        try:
            return Received(*self._codec.decode(value), value)
        except UnknownSchemaId as unknown:
            schema_id = unknown.schema_id
            raise NotYet(f"schema {schema_id}", lambda: self._codec.learn(schema_id)) from None
        except UndecodableRecord as error:
            effects.outputs.append(parked(message.record, self.name, error.reason))
            return None

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Never called: there is no table."""
        raise NotImplementedError

"""Station 6, view: history, tasks and decisions become rows that people can query, within the batch that brought them.

Which rows, the processors declare whose messages they are made of; the view knows none of them.
Keeps no state table: its effect is one SQL transaction for each batch, which gives the same rows when the batch comes
again. While the database is away, stands still or refuses, the partition waits, and nothing else does: rows are
written in a thread. Kafka keeps what it has not seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import structlog
from sqlalchemy import Engine, Float
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from schemas.codec import UndecodableRecord, UnknownSchemaId
from schemas.messages import START_INSTANCE
from streams.ground.causes import Cause
from streams.ground.errors import UnavailableError
from streams.ground.probes import Probe
from streams.processors import view
from streams.processors.context import Context
from streams.processors.view.ages import Ages
from streams.processors.view.business import Business
from streams.processors.view.day_cases import DayCases
from streams.processors.view.reader import Reader
from streams.readmodel import filling
from streams.readmodel.database import WRITER_KIB, database, is_away, is_gone, prepare, reason_of
from streams.readmodel.layout import MisfitError, bring_up_to_date
from streams.readmodel.probe import read_model_probe
from streams.readmodel.projection import Projection, Received, fields_of, projections
from streams.readmodel.writer import TableError, Writer
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, StateView

AGAIN = "The rows of the read model are to be made again; they come from the topics."
REMOVED = "The read model was removed; it is made anew from the topics."
AWAY_PAUSE_S = 1.0
WATCH_S = 5.0
WITHIN = {START_INSTANCE: ("data",)}  # of messages within others, what rows need
REFUSED_VALUES = ("22", "23", "54")  # SQLSTATE: unfit data, violated constraints, more than an index takes

log = structlog.get_logger()


class View(FastProcessor):
    """Messages in, rows out."""

    declaration = view.DECLARATION
    stands_with = "the read model"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._within = context.codec.sparing(WITHIN)
        self._projections = projections(context.declarations)
        self._numbers = _numbers(self._projections)
        self._fields = fields_of(self._projections)
        self._engine: Engine | None = None
        self._asked: Engine | None = None  # the same database, by connections that write nothing
        self._probe: Probe | None = None
        self._kept: list[asyncio.Task[None]] = []
        self._refused = False

    def fields(self) -> Mapping[str, Collection[str]]:
        """See `Processor`: what is shown in full is decoded when somebody looks at it."""
        return self._fields

    async def open(self) -> None:
        """Opens the database and makes its tables, once it answers; raises ConfigurationError as `database` does."""
        self._engine = database(self._settings, WRITER_KIB)
        self._asked = database(self._settings)
        self._probe = read_model_probe(self._asked)
        self._filling = await self._begun(self._engine)
        self._writer = Writer(self._engine, self._projections)
        reader = Reader(self._asked)
        kept = (Ages(reader), Business(reader), DayCases(reader, self._context))
        self._kept = [asyncio.create_task(each.keep()) for each in kept]

    async def _begun(self, engine: Engine) -> str:
        """The filling that is under way. A database that is away is waited for: `causes` names it meanwhile."""
        while True:
            try:
                await asyncio.to_thread(prepare, engine, self._projections)
                return await asyncio.to_thread(filling.begin, engine, self._projections)
            except UnavailableError as error:
                log.warning("read model away", reason=str(error))
            except SQLAlchemyError as error:
                if not is_away(error):
                    raise
                log.warning("read model away", reason=reason_of(error))
            await asyncio.sleep(AWAY_PAUSE_S)

    async def close(self) -> None:
        """Closes the connections."""
        for each in self._kept:
            each.cancel()
        for engine in (self._engine, self._asked):
            if engine is not None:
                engine.dispose()

    def noted(self) -> Mapping[tuple[str, int], int]:
        """See `FastProcessor`."""
        assert self._engine is not None
        try:
            return filling.positions(self._engine, self._filling)
        except SQLAlchemyError as error:
            raise UnavailableError(f"The read model does not answer ({reason_of(error)}).") from None

    def note(self, positions: Mapping[tuple[str, int], int]) -> None:
        """See `FastProcessor`. Raises UnavailableError where the rows are to be made again."""
        assert self._engine is not None
        try:
            filling.note(self._engine, self._filling, positions)
        except filling.OtherFillingError:
            raise UnavailableError(AGAIN) from None
        except SQLAlchemyError as error:
            if is_gone(error):
                raise UnavailableError(REMOVED) from None
            log.warning("positions not kept", reason=reason_of(error))  # at worst something is read again

    async def watch(self) -> None:
        """See `Processor`. A database that somebody removes while we run, or has filled again, is noticed."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                if await asyncio.to_thread(self._is_another):
                    raise UnavailableError(AGAIN)
            except SQLAlchemyError as error:
                if is_gone(error):
                    raise UnavailableError(REMOVED) from None

    def _is_another(self) -> bool:
        assert self._asked is not None
        return filling.current(self._asked) != self._filling

    async def causes(self) -> Sequence[Cause]:
        """Whether the database answers."""
        return await self._probe.causes() if self._probe is not None else ()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Makes the batch visible. A task that the topic forgets stays readable here."""
        effects = Effects([], {})
        received = []
        for each in batch:
            fault = self._fault(each)
            if fault is not None:
                effects.outputs.append(parked(each.record, self.declaration.name, fault))
            elif each.record.value is not None:
                received.append(Received(each.name, each.data, each.record.value, self._read))
        try:
            self._write(received)
        except TableError as error:
            if _is_of_the_data(error.error):
                raise
            raise self._not_yet(error.error, str(error)) from None
        except MisfitError as error:
            raise self._not_yet(None, str(error)) from None
        except SQLAlchemyError as error:
            raise self._not_yet(error, reason_of(error)) from None
        return effects

    def _write(self, received: Sequence[Received]) -> None:
        assert self._engine is not None
        if self._refused:  # somebody may have changed the tables while we run
            bring_up_to_date(self._engine, {each.table for each in self._projections})
        self._writer.write(received)
        self._refused = False

    def _not_yet(self, error: SQLAlchemyError | None, reason: str) -> Exception:
        """What the database does not take now waits, and is tried again and again; what it says is told."""
        if error is not None and is_gone(error):
            return UnavailableError(REMOVED)
        self._refused = error is None or not is_away(error)
        log.warning("read model takes nothing", reason=reason)
        return NotYet(f"the read model takes nothing ({reason})", lambda: asyncio.sleep(AWAY_PAUSE_S))

    def _read(self, framed: bytes) -> tuple[str, Mapping[str, Any]] | None:
        """A message within another. One that cannot be read leaves its columns empty, and the message as it is."""
        try:
            return self._within(framed)
        except (UnknownSchemaId, UndecodableRecord):
            return None

    def _fault(self, message: Message) -> str | None:
        """Why a message is no row of the read model."""
        if message.record.value is None:
            return None
        numbers = self._numbers.get(message.name)
        if numbers is None:
            return f"{message.name} is not for the read model"
        wrong = [name for name in numbers if not isfinite(message.data[name])]
        return f"its {wrong[0]} is no number" if wrong else None


def _numbers(found: Iterable[Projection]) -> dict[str, list[str]]:
    """The fields that become columns of numbers with a fraction, by message."""
    fields: dict[str, list[str]] = {}
    for each in found:
        named = [column.name for column in each.table.columns if isinstance(column.type, Float)]
        fields.setdefault(each.message, []).extend(named)
    return fields


def _is_of_the_data(error: SQLAlchemyError) -> bool:
    """Whether the database refused values, and not us: any other failure would meet the next record, too."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return isinstance(error, DataError | IntegrityError) or state.startswith(REFUSED_VALUES)

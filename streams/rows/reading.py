"""From rows to events: a query gives those that are next, their events go out, and then it is kept that they did.

An event has its id of the source and the key of its row. Whoever is killed between the events and the position, or
between the events and `done`, publishes the same ids again: whoever consumes events drops what it has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub
from connectors.mappings import Mapping as ValueMapping
from connectors.mappings import MappingError
from schemas.business import EventTypes
from schemas.cloudevents import SPEC_VERSION, CloudEvent, InvalidEventError
from schemas.codec import Codec
from schemas.functions import EffectClass
from schemas.jsontext import text_at
from schemas.payload import Json
from schemas.reasons import Reason
from streams.ground.errors import ExlifyError
from streams.ground.publish import Outgoing, Publishing
from streams.ground.topic import MAX_RECORD_BYTES
from streams.processors.intake import business_topic
from streams.rows import metrics
from streams.rows.declared import KEYS, LIMIT, Source
from streams.rows.position import Position, Positions


class RowsError(ExlifyError):
    """Rows that cannot be read, or are not as the declaration says; tells which, why and what to do, and no value."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """What one source is read with, from look to look."""

    source: Source
    mapping: ValueMapping | None
    hub: Hub
    codec: Codec
    types: EventTypes
    publisher: Publishing
    positions: Positions
    limit: int = 0  # rows at once: fewer while they are large
    _last: frozenset[str] = field(default=frozenset())  # ids of what `done` should have taken away

    async def look(self) -> bool:
        """Publishes the rows that are next; whether more may be there. Raises RowsError, UnavailableError."""
        limit = min(self.limit or self.source.batch, self.source.batch)
        position = self._position()
        parameters = {**position.cursor, LIMIT: limit}
        outcome = await self._asked("sql.query", self.source.statement, parameters)
        if outcome.reason is Reason.REPLY_TOO_LARGE and limit > 1:
            self.limit = limit // 2
            return True
        self.limit = min(limit * 2, self.source.batch)
        rows: Sequence[dict[str, Json]] = self._given(outcome)["rows"]
        if rows:
            await self._pass_on(rows, position)
        return len(rows) >= limit

    async def _pass_on(self, rows: Sequence[dict[str, Json]], position: Position) -> None:
        keys = [self._values(row, self.source.key) for row in rows]
        ids = [self._id(each) for each in keys]
        if len(set(ids)) < len(ids):
            self._fault("two rows have the same key", "name columns under `key` that are unique together")
        cursors = [self._values(row, self.source.cursor) for row in rows]
        self._check_progress(cursors, position)
        if not self._last.isdisjoint(ids):
            self._fault("rows are there again after `done`", "have it take away, or mark, what the statement finds")
        made = list(self._made(rows, ids))
        await self.publisher.publish(outgoing for outgoing, _ in made)
        broken = sum(is_broken for _, is_broken in made)
        if self.source.done is not None:
            (only,) = self.source.key
            self._given(await self._asked("sql.execute", self.source.done, {KEYS: [each[only] for each in keys]}))
            self._last = frozenset(ids)
        else:
            await self.positions.keep(self.source.name, Position(cursor=cursors[-1], rows=position.rows + len(rows)))
        metrics.ROWS.labels(self.source.name, "published").inc(len(rows) - broken)
        metrics.ROWS.labels(self.source.name, "broken").inc(broken)

    def _position(self) -> Position:
        known = self.positions.of(self.source.name)
        if known is None or known.cursor.keys() != self.source.start.keys():
            return Position(cursor=dict(self.source.start))
        return known

    async def _asked(self, function: str, statement: str, parameters: Mapping[str, Any]) -> CallOutcome:
        arguments = {"connection": self.source.connection, "statement": statement, "parameters": parameters}
        return await self.hub.carry_out(
            HubCall(function=function, arguments=arguments, key=self.source.name, effect=EffectClass.IDEMPOTENT)
        )

    def _given(self, outcome: CallOutcome) -> Any:
        if not outcome.ok:
            raise RowsError(f"{outcome.reason}: {outcome.detail}")
        return outcome.output

    def _values(self, row: Mapping[str, Json], columns: Sequence[str]) -> dict[str, Json]:
        for each in columns:
            if not isinstance(row.get(each), int | float | str):
                self._fault(f"a row has no {each}", "have the statement give the column, which is never null")
        return {each: row[each] for each in columns}

    def _check_progress(self, cursors: Sequence[Mapping[str, Json]], position: Position) -> None:
        """That the next look finds what is behind: the order of texts is the database's matter."""
        if not self.source.cursor:
            return
        first = self.source.cursor[0]
        before = position.cursor[first]
        for each in cursors:
            here = each[first]
            back = isinstance(before, int) and isinstance(here, int) and here < before
            if back or each == position.cursor:
                said = " and ".join(f"{name} > :{name}" for name in self.source.cursor)
                self._fault("rows do not come in the order of the cursor, behind it", f"write WHERE {said} ORDER BY it")
            before = here

    def _id(self, key: Mapping[str, Json]) -> str:
        return hashlib.sha256(orjson.dumps([self.source.name, *key.values()])).hexdigest()[:32]

    def _made(self, rows: Sequence[dict[str, Json]], ids: Sequence[str]) -> Iterator[tuple[Outgoing, bool]]:
        for row, id_ in zip(rows, ids, strict=True):
            try:
                data = row if self.mapping is None else self.mapping.apply(row)
                yield self._event(self.source.type, id_, data), False
            except (MappingError, InvalidEventError) as error:
                if self.source.broken is None:
                    self._fault(f"a row cannot be an event: {error}", "correct it, or name a type under `broken`")
                key = self._values(row, self.source.key)
                yield self._event(self.source.broken, f"{id_}-broken", {"key": key, "fault": str(error)}), True

    def _event(self, type_: str, id_: str, data: Json) -> Outgoing:
        attributes = {"specversion": SPEC_VERSION, "id": id_, "source": self.source.source, "type": type_}
        if subject := text_at(data, self.source.subject):
            attributes["subject"] = subject
        encoded = self.types.encode_event(self.codec, CloudEvent(attributes, data))
        if len(encoded.value) > MAX_RECORD_BYTES:
            raise MappingError(f"an event has at most {MAX_RECORD_BYTES} bytes")
        return Outgoing(business_topic(encoded.topic), encoded.key, encoded.value, encoded.headers)

    def _fault(self, what: str, remedy: str) -> NoReturn:
        raise RowsError(f"{what}; {remedy}")

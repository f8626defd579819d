"""The events of a replay, batch after batch: from the topics, then from history what those hold no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Engine

from schemas.business import EventTypes
from schemas.codec import Codec, UndecodableRecord
from schemas.messages import START_INSTANCE
from schemas.payload import Door, Payload, UnreadablePayloadError
from streams.definitions.book import matches
from streams.engine import StartInstance
from streams.ground.past_records import PastRecord, PastRecords
from streams.language.graph import Graph
from streams.processors.intake.processor import start_of
from streams.processors.replay.firsts import starts
from streams.processors.replay.plan import past_of
from streams.processors.replay.request import Request, Selection
from streams.processors.replay.standing import Counts, Part, Past
from streams.processors.replay.tail import Tail
from streams.runtime.clock import now_ms
from streams.runtime.processor import Record

READ_AT_ONCE = 2_000  # records
READ_S = 1.0  # about
SKEW_MS = 60_000  # by which the clock of who publishes may be ahead of those of workers
HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Case:
    """An event, and one workflow that it starts."""

    start: StartInstance  # as intake made or would make it
    graph: Graph
    place: str
    at_ms: int


@dataclass(slots=True)
class Batch:
    """Some of them, and where the next begin. Both places None: there are no more."""

    parts: tuple[Part, ...]
    past: Past | None
    counts: Counts
    cases: list[Case] = field(default_factory=list)
    idle: bool = False  # a shadow has found nothing new

    def count(self, **more: int) -> None:
        """Adds to the counts."""
        fields = {name: getattr(self.counts, name) + number for name, number in more.items()}
        self.counts = msgspec.structs.replace(self.counts, **fields)


class Cases:
    """Reads events of one replay."""

    def __init__(
        self,
        request: Request,
        graphs: Mapping[str, Graph],
        records: PastRecords,
        engine: Engine,
        codec: Codec,
        types: EventTypes,
    ) -> None:
        self._request = request
        self._graphs = graphs
        self._records = records
        self._engine = engine
        self._codec = codec
        self._types = types
        self._selection = Selection(request)
        # Topics of a site carry events whose types have none of their own; on which of them history does not say.
        elsewhere = {types.of("").topic} if {*request.topics} - types.topics().keys() else set[str]()
        self._topics_of_types = elsewhere.union(request.topics)
        self._graphs_started = tuple(graphs.values())
        self._tail = Tail(records, engine, self._told)

    async def next(self, parts: tuple[Part, ...], past: Past | None, counts: Counts, most: int) -> Batch:
        """The next of them, about `most`; perhaps none of what was read is meant. Raises UnavailableError."""
        batch = Batch(parts, past, counts)
        if self._request.live:
            await self._tail.next(batch, most, now_ms())
            if batch.idle and self._request.until_ms is not None and now_ms() >= self._request.until_ms:
                batch.parts = ()
        elif parts:
            await self._of_topic(batch, most)
        elif past is not None:
            await self._of_history(batch, past, most)
        return batch

    async def _of_topic(self, batch: Batch, most: int) -> None:
        """Goes on exactly where it was, as a reader that has to go back loses what it has fetched ahead."""
        part, rest, left = batch.parts[0], batch.parts[1:], READ_AT_ONCE
        place, read_to_ms = part.next, part.read_to_ms
        until = time.monotonic() + READ_S
        while place < part.end and left > 0 and len(batch.cases) < most and time.monotonic() < until:
            limit = min(most - len(batch.cases), part.end - place, left)
            found = await asyncio.to_thread(self._records.read, part.topic, part.partition, place, part.end, limit)
            if not found or found[0].offset > place:
                await self._note_gone(batch, part, place, read_to_ms, found)
            for record in found:
                batch.count(read=1)
                await self._take(batch, record)
            place = found[-1].offset + 1 if found else part.end
            read_to_ms = found[-1].timestamp_ms if found else read_to_ms
            left -= len(found)
        here = Part(part.topic, part.partition, place, part.end, read_to_ms)
        batch.parts = (here, *rest) if place < part.end else rest

    async def _note_gone(
        self, batch: Batch, part: Part, place: int, read_to_ms: int, found: Sequence[PastRecord]
    ) -> None:
        """Counts what its topic has dropped since the replay was planned, and has history asked for it."""
        first, _ = (await asyncio.to_thread(self._records.held, part.topic))[part.partition]
        gone = min(first, part.end) - place
        if gone <= 0:  # such offsets hold no events: markers of transactions
            return
        batch.count(gone=gone)
        if not self._request.offsets:
            oldest_ms = found[0].timestamp_ms if found else now_ms()
            since_ms = max(self._request.since_ms or 0, read_to_ms - SKEW_MS)
            batch.past = past_of(self._request, since_ms, oldest_ms, batch.past)

    async def _take(self, batch: Batch, past: PastRecord) -> None:
        try:
            name, fields = ("", {}) if past.value is None else await self._codec.decode_learning(past.value)
            attributes, data = self._types.event_of(past.headers, name, fields)
            if not self._selection.takes(attributes, data):
                return
            payload = Payload.from_outside(data, Door.INTAKE)
        except (UndecodableRecord, TypeError, RecursionError, ValueError):
            batch.count(unreadable=1)
            return
        record = Record(*past)
        for graph in self._graphs_started:
            if matches(graph, attributes):
                start = StartInstance(**start_of(graph, attributes, payload, record))
                place = f"{past.topic}[{past.partition}]@{past.offset}"
                batch.cases.append(Case(start, graph, place, past.timestamp_ms))

    async def _of_history(self, batch: Batch, past: Past, most: int) -> None:
        found = await asyncio.to_thread(starts, self._engine, tuple(self._graphs), past, most)
        for row in found:
            batch.count(read=1)
            case = await self._told(row.message, row.at_ms)
            if case is not None:
                batch.cases.append(case)
        batch.past = Past(found[-1].at_ms, found[-1].instance_id, past.until_ms) if found else None

    async def _told(self, message: bytes, at_ms: int) -> Case | None:
        """The case of a first entry of history, if it is one of ours."""
        try:
            _, entry = await self._codec.decode_learning(message)
            name, cause = await self._codec.decode_learning(entry["cause"])
        except UndecodableRecord:
            return None
        if name != START_INSTANCE or cause.get("rerun") is not None:  # what somebody ran once more is no event
            return None
        if self._types.of(cause["event_type"]).topic not in self._topics_of_types:
            return None
        graph = self._graphs.get(cause["workflow"])
        if graph is None:
            return None
        attributes: dict[str, Any] = {"type": cause["event_type"], "source": cause["source"], "id": cause["event_id"]}
        if cause["business_key"] is not None:
            attributes["subject"] = cause["business_key"]
        try:
            if not (matches(graph, attributes) and self._selection.takes(attributes, cause["data"].value())):
                return None
        except UnreadablePayloadError:
            return None
        return Case(StartInstance(**cause), graph, HISTORY, at_ms)

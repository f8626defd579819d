"""From a file to events: batch by batch, each with ids that follow from the content, so that no record counts twice.

A batch is published, then the position behind it is kept. Who is killed in between publishes that batch once more, with
the same ids: whoever consumes events drops what it has seen. Memory is that of one batch, however large the file is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import structlog
from msgspec.structs import replace

from connectors.codecs.records import Record
from connectors.mappings import Mapping as ValueMapping
from connectors.mappings import MappingError
from schemas.business import EventTypes
from schemas.cloudevents import SPEC_VERSION, CloudEvent, InvalidEventError
from schemas.codec import Codec
from schemas.jsontext import text_at
from schemas.times import rfc3339
from streams.files import metrics
from streams.files.declared import Source
from streams.files.folder import Entry, Progress
from streams.files.places import AnyFolder
from streams.ground.publish import Outgoing, Publishing
from streams.ground.topic import MAX_RECORD_BYTES
from streams.processors.intake import business_topic

BATCH = 500
BATCH_BYTES = 1024 * 1024
SHOWN = 500  # characters of a broken record that its event has

log = structlog.get_logger()


class ChangedError(Exception):
    """The file is not the one that was begun: it was written to while it was read."""


class Batch(NamedTuple):
    """Some records, as they go out, and how far the file is read with them."""

    outgoing: Sequence[Outgoing]
    faults: Sequence[bytes]  # lines for the file of broken records, where no event tells of them
    progress: Progress
    fatal: str = ""  # why nothing can be read behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What files of one source are read with."""

    source: Source
    folder: AnyFolder
    mapping: ValueMapping | None
    codec: Codec
    types: EventTypes
    publisher: Publishing

    async def read(self, name: str) -> str:
        """Reads a file that is ours to its end; gives what became of it: read, known or broken off.

        Raises OSError where it cannot be read or put away, UnavailableError where Kafka is away; then it is read on
        later.
        """
        progress = await asyncio.to_thread(self.folder.progress, name)
        if progress is None:
            progress = await asyncio.to_thread(self.folder.begun, name)
        known = await asyncio.to_thread(self.folder.known, name, progress.digest)
        if known is not None:
            await self._put_away(name, progress, known.whole)
            return "known"
        fatal = ""
        batches = self._batches(name, progress)
        begun, before = time.monotonic(), progress.start.number
        try:
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                await self.publisher.publish(batch.outgoing)
                progress = await asyncio.to_thread(self._counted, name, progress, batch)
                fatal = batch.fatal
                await self._paced(progress.start.number - before, begun)
        finally:
            with suppress(ValueError):  # a thread that is still reading closes it
                await asyncio.to_thread(batches.close)
        if await asyncio.to_thread(self.folder.seen, name) != progress.seen:
            raise ChangedError
        return await self._finish(name, progress, fatal)

    async def _put_away(self, name: str, progress: Progress, whole: bool) -> None:
        into = self.source.archive if whole else self.source.errors
        await asyncio.to_thread(self.folder.put_away, name, into, progress.digest)

    def _batches(self, name: str, progress: Progress) -> Generator[Batch]:
        outgoing: list[Outgoing] = []
        faults: list[bytes] = []
        size = 0
        with self.folder.opened(name) as file:
            for record in self.source.format.read(file, progress.start):
                made, fault = self._made(name, progress, record)
                if made is not None:
                    outgoing.append(made)
                    size += len(made.value)
                if fault:
                    faults.append(fault)
                published = progress.published + (made is not None and not record.fault and not fault)
                progress = replace(
                    progress,
                    position=tuple(record.next),
                    published=published,
                    broken=progress.broken + (published == progress.published),
                )
                if len(outgoing) + len(faults) >= BATCH or size >= BATCH_BYTES or record.fatal:
                    yield Batch(outgoing, faults, progress, record.fault if record.fatal else "")
                    outgoing, faults, size = [], [], 0
        if outgoing or faults:
            yield Batch(outgoing, faults, progress)

    def _made(self, name: str, progress: Progress, record: Record) -> tuple[Outgoing | None, bytes]:
        """The event of a record; of a broken one the event that tells of it, or a line for the file of broken ones."""
        fault = record.fault
        if not fault:
            try:
                value: Any = record.value if self.mapping is None else self.mapping.apply(record.value)
                return self._event(self.source.type, progress, str(record.at.number + 1), value), b""
            except (MappingError, InvalidEventError) as error:
                fault = f"line {record.at.line}: {error}"
        raw = record.raw or (b"" if record.value is None else orjson.dumps(record.value))
        told = {
            "file": name,
            "record": record.at.number + 1,
            "line": record.at.line,
            "fault": fault,
            "text": raw.decode("utf-8", "replace")[:SHOWN],
        }
        if self.source.broken is None:
            return None, orjson.dumps(told) + b"\n"
        return self._event(self.source.broken, progress, f"{record.at.number + 1}-broken", told), b"*"

    def _event(self, type_: str, progress: Progress, place: str, data: Any) -> Outgoing:
        attributes = {
            "specversion": SPEC_VERSION,
            "id": f"{progress.id}-{place}",
            "source": self.source.source,
            "type": type_,
            "time": rfc3339(progress.seen.mtime_ns // 1_000_000),
        }
        if subject := text_at(data, self.source.subject):
            attributes["subject"] = subject
        encoded = self.types.encode_event(self.codec, CloudEvent(attributes, data))
        if len(encoded.value) > MAX_RECORD_BYTES:
            raise MappingError(f"an event has at most {MAX_RECORD_BYTES} bytes")
        return Outgoing(business_topic(encoded.topic), encoded.key, encoded.value, encoded.headers)

    def _counted(self, name: str, before: Progress, batch: Batch) -> Progress:
        """Keeps how far the file is read, and the lines of its broken records."""
        lines = b"".join(line for line in batch.faults if line != b"*")
        size = before.broken_bytes
        if lines:
            if size is None:  # what is there is of earlier files of this name, and stays
                size = self.folder.broken_size(self.source.errors, name)
                self.folder.keep(name, replace(before, broken_bytes=size))
            size = self.folder.write_broken(self.source.errors, name, size, lines)
        progress = replace(batch.progress, broken_bytes=size)
        self.folder.keep(name, progress)
        metrics.RECORDS.labels(self.source.name, "published").inc(progress.published - before.published)
        metrics.RECORDS.labels(self.source.name, "broken").inc(progress.broken - before.broken)
        return progress

    async def _paced(self, read: int, begun: float) -> None:
        if self.source.per_s is not None:
            await asyncio.sleep(max(0.0, read / self.source.per_s - (time.monotonic() - begun)))

    async def _finish(self, name: str, progress: Progress, fatal: str) -> str:
        """Tells of the end, notes it in the ledger, puts the file away: in this order, and each can be done twice."""
        told = {
            "file": name,
            "bytes": progress.seen.size,
            "sha256": progress.digest,
            "records": progress.published,
            "broken": progress.broken,
            "whole": not fatal,
            "fault": fatal or None,
        }
        if self.source.finished is not None:
            await self.publisher.publish([self._event(self.source.finished, progress, "end", told)])
        entry = Entry(
            name=name,
            size=progress.seen.size,
            mtime_ns=progress.seen.mtime_ns,
            digest=progress.digest,
            published=progress.published,
            broken=progress.broken,
            whole=not fatal,
            read_at_ms=int(time.time() * 1_000),
        )
        await asyncio.to_thread(self.folder.note, entry)
        await self._put_away(name, progress, not fatal)
        numbers = {"records": progress.published, "broken": progress.broken}
        log.info("file read", source=self.source.name, bytes=progress.seen.size, whole=not fatal, **numbers)
        return "broken off" if fatal else "read"

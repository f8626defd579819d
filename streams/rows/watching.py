"""Looks at the sources of `rows.yaml` again and again, while this process is the one that reads.

Any number of processes may take part; one of them reads, and another one goes on where it was killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from connectors.hub.connections import folded
from connectors.hub.pipeline import Hub
from connectors.sql.listening import ListeningError, listen
from schemas.business import EventTypes
from schemas.codec import Codec
from streams.ground.errors import ExlifyError
from streams.ground.publish import Publishing
from streams.ground.settings import Settings
from streams.ground.site import Site, SiteFile
from streams.processors.call.connections import Addresses
from streams.processors.call.mappings import Mappings
from streams.processors.call.processor import hub_for
from streams.rows import metrics
from streams.rows.declared import FILE, Source, read_rows
from streams.rows.position import KafkaPositions, Positions
from streams.rows.reading import Reading

LOOK_S = 0.5  # how often it is seen that a source was added or taken away, or that reading is ours

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """The sources of this process."""

    site: Site
    settings: Settings
    addresses: Addresses
    codec: Codec
    publisher: Publishing
    types: EventTypes = field(default_factory=EventTypes.load)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Looks for as long as the context lasts. Raises ConfigurationError for a file that is faulty at the start."""
        declared = self.site.file(FILE, read_rows)
        following = asyncio.create_task(self._follow(declared), name="rows")
        try:
            yield
        finally:
            await _ended(following)

    async def _follow(self, declared: SiteFile[Mapping[str, Source]]) -> None:
        while True:
            if declared.value:  # nobody joins who has nothing to read
                positions = KafkaPositions(self.settings, self.publisher)
                async with hub_for(self.settings, self.addresses) as hub, positions.followed():
                    await self._take_part(declared, hub, positions)
            await asyncio.sleep(LOOK_S)

    async def _take_part(self, declared: SiteFile[Mapping[str, Source]], hub: Hub, positions: KafkaPositions) -> None:
        tasks: dict[str, tuple[Source, asyncio.Task[None]]] = {}
        try:
            while True:
                now = declared.value if positions.is_ours else {}
                for name, (source, task) in list(tasks.items()):
                    if now.get(name) != source or task.done():
                        await _ended(task)
                        del tasks[name]
                        with suppress(KeyError):  # it says nothing before its first look
                            metrics.STUCK.remove(name)
                for name, source in now.items():
                    if name not in tasks:
                        watching = self.watch(source, hub, positions)
                        tasks[name] = source, asyncio.create_task(watching, name=f"rows {name}")
                await asyncio.sleep(LOOK_S)
        finally:
            await asyncio.gather(*(_ended(task) for _, task in tasks.values()))

    async def watch(self, source: Source, hub: Hub, positions: Positions) -> None:
        """Looks at one source for ever."""
        mappings = Mappings(self.settings.site_dir, self.site)
        reading = Reading(
            source=source,
            mapping=None,
            hub=hub,
            codec=self.codec,
            types=self.types,
            publisher=self.publisher,
            positions=positions,
        )
        woken = asyncio.Event()
        hearing = asyncio.create_task(self._hear(source, woken), name=f"rows {source.name} listening")
        try:
            await self._watch_with(source, reading, mappings, woken)
        finally:
            await _ended(hearing)

    async def _watch_with(self, source: Source, reading: Reading, mappings: Mappings, woken: asyncio.Event) -> None:
        told = ""
        while True:
            why, more = "", False
            woken.clear()
            try:
                reading.mapping = None if source.mapping is None else mappings.get(source.mapping)
                more = await reading.look()
            except ExlifyError as error:
                why = str(error)
            except Exception as error:  # a bug: told as such, and not left to end the looks in silence
                why = f"a bug of ours, {type(error).__name__}"
                if why != told:
                    log.exception("a look at rows failed", source=source.name)
            metrics.STUCK.labels(source.name).set(bool(why))
            if why and why != told:  # once, and not at every look
                log.error("rows not read", source=source.name, reason=why)
            told = why
            if not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(source.every_s):
                        await woken.wait()

    async def _hear(self, source: Source, woken: asyncio.Event) -> None:
        """Has a look come at once when the database notifies; while it cannot, looks come as they always do."""
        told = ""
        while source.listen is not None:
            try:
                await listen(self.addresses.urls().get(folded(source.connection), ""), source.listen, woken.set)
            except ListeningError as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("not listening for rows", source=source.name, reason=told)
            await asyncio.sleep(source.every_s)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

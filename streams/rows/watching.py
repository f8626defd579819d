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
from streams.ground.beside import beside
from streams.ground.errors import ExlifyError
from streams.ground.publish import Publishing
from streams.ground.settings import Settings
from streams.ground.site import Site, SiteFile
from streams.ground.sources import LOOK_S, Looks, kept
from streams.processors.call.connections import Addresses
from streams.processors.call.mappings import Mappings
from streams.processors.call.processor import hub_for
from streams.rows import metrics
from streams.rows.declared import FILE, Source, read_rows
from streams.rows.position import KafkaPositions, Positions
from streams.rows.reading import Reading

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
        async with beside(self._follow(declared), "rows"):
            yield

    async def _follow(self, declared: SiteFile[Mapping[str, Source]]) -> None:
        while True:
            if declared.value:  # nobody joins who has nothing to read
                positions = KafkaPositions(self.settings, self.publisher)
                async with hub_for(self.settings, self.addresses) as hub, positions.followed():
                    await self._take_part(declared, hub, positions)
            await asyncio.sleep(LOOK_S)

    async def _take_part(self, declared: SiteFile[Mapping[str, Source]], hub: Hub, positions: KafkaPositions) -> None:
        await kept(
            lambda: declared.value if positions.is_ours else {},
            lambda source: self.watch(source, hub, positions),
            "rows",
            metrics.STUCK,
        )

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
        async with beside(self._hear(source, woken), f"rows {source.name} listening"):
            await self._watch_with(source, reading, mappings, woken)

    async def _watch_with(self, source: Source, reading: Reading, mappings: Mappings, woken: asyncio.Event) -> None:
        looks = Looks(source.name, metrics.STUCK, "rows not read")
        while True:
            why, more = "", False
            woken.clear()
            try:
                reading.mapping = None if source.mapping is None else mappings.get(source.mapping)
                more = await reading.look()
            except ExlifyError as error:
                why = str(error)
            except Exception as error:  # noqa: BLE001  # a bug: told as such, and the next look may be better
                why = looks.bug(error)
            looks.came_to(why)
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

"""Takes messages of the sources of `messages.yaml` for as long as it runs.

Any number of processes may take part: queues and topics give each message to one of them, and a mail that two have read
at once is one by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from connectors.hub.inlet import Inlet, InletError
from connectors.kafka.framed import Framed
from schemas.business import EventTypes
from schemas.codec import Codec
from streams.ground.beside import beside
from streams.ground.errors import ExlifyError
from streams.ground.publish import Publishing
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.ground.sources import Looks, kept
from streams.messages import metrics
from streams.messages.declared import FILE, Source, read_messages
from streams.messages.places import framed_of, inlet_of
from streams.messages.reading import Reading
from streams.processors.call.connections import Addresses
from streams.processors.call.mappings import Mappings

PAUSE_S = 3.0  # before the next try, where something stood in the way


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
        """Takes for as long as the context lasts. Raises ConfigurationError for a file that is faulty at the start."""
        declared = self.site.file(FILE, read_messages)
        async with beside(kept(lambda: declared.value, self.watch, "messages", metrics.STUCK), "messages"):
            yield

    async def watch(self, source: Source) -> None:
        """Takes the messages of one source for ever."""
        mappings = Mappings(self.settings.site_dir, self.site)
        looks = Looks(source.name, metrics.STUCK, "messages not taken")
        while True:
            try:
                async with framed_of(source, self.addresses) as framed, self._opened(source) as inlet:
                    reading = self._reading(source, inlet, framed)
                    while True:
                        reading.mapping = None if source.mapping is None else mappings.get(source.mapping)
                        await reading.look()
                        looks.came_to()
            except (ExlifyError, InletError) as error:
                why = str(error)
            except Exception as error:  # noqa: BLE001  # a bug: told as such, and the next look may be better
                why = looks.bug(error)
            looks.came_to(why)
            await asyncio.sleep(PAUSE_S)

    def _reading(self, source: Source, inlet: Inlet, framed: Framed | None) -> Reading:
        return Reading(
            source=source,
            mapping=None,
            inlet=inlet,
            framed=framed,
            codec=self.codec,
            types=self.types,
            publisher=self.publisher,
        )

    @asynccontextmanager
    async def _opened(self, source: Source) -> AsyncIterator[Inlet]:
        inlet = inlet_of(source, self.addresses)
        try:
            yield inlet
        finally:
            with suppress(InletError):
                await inlet.close()

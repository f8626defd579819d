"""Takes messages of the sources of `messages.yaml` for as long as it runs.

Any number of processes may take part: queues and topics give each message to one of them, and a mail that two have read
at once is one by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from connectors.hub.inlet import Inlet, InletError
from connectors.kafka.framed import Framed
from schemas.business import EventTypes
from schemas.codec import Codec
from streams.ground.errors import ExlifyError
from streams.ground.publish import Publishing
from streams.ground.settings import Settings
from streams.ground.site import Site, SiteFile
from streams.messages import metrics
from streams.messages.declared import FILE, Source, read_messages
from streams.messages.places import framed_of, inlet_of
from streams.messages.reading import Reading
from streams.processors.call.connections import Addresses
from streams.processors.call.mappings import Mappings

LOOK_S = 0.5  # how often it is seen that a source was added or taken away
PAUSE_S = 3.0  # before the next try, where something stood in the way

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
        """Takes for as long as the context lasts. Raises ConfigurationError for a file that is faulty at the start."""
        declared = self.site.file(FILE, read_messages)
        following = asyncio.create_task(self._follow(declared), name="messages")
        try:
            yield
        finally:
            await _ended(following)

    async def _follow(self, declared: SiteFile[Mapping[str, Source]]) -> None:
        tasks: dict[str, tuple[Source, asyncio.Task[None]]] = {}
        try:
            while True:
                now = declared.value
                for name, (source, task) in list(tasks.items()):
                    if now.get(name) != source or task.done():
                        await _ended(task)
                        del tasks[name]
                        with suppress(KeyError):  # it says nothing before its first look
                            metrics.STUCK.remove(name)
                for name, source in now.items():
                    if name not in tasks:
                        tasks[name] = source, asyncio.create_task(self.watch(source), name=f"messages {name}")
                await asyncio.sleep(LOOK_S)
        finally:
            await asyncio.gather(*(_ended(task) for _, task in tasks.values()))

    async def watch(self, source: Source) -> None:
        """Takes the messages of one source for ever."""
        mappings = Mappings(self.settings.site_dir, self.site)
        told = ""
        while True:
            try:
                async with framed_of(source, self.addresses) as framed, self._opened(source) as inlet:
                    reading = self._reading(source, inlet, framed)
                    while True:
                        reading.mapping = None if source.mapping is None else mappings.get(source.mapping)
                        await reading.look()
                        metrics.STUCK.labels(source.name).set(0)
                        told = ""
            except (ExlifyError, InletError) as error:
                why = str(error)
            except Exception as error:  # a bug: told as such, and not left to end the source in silence
                why = f"a bug of ours, {type(error).__name__}"
                if why != told:
                    log.exception("taking messages failed", source=source.name)
            metrics.STUCK.labels(source.name).set(1)
            if why != told:  # once, and not at every try
                log.error("messages not taken", source=source.name, reason=why)
            told = why
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


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

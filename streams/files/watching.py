"""Looks at the folders of `files.yaml` again and again, and has read what has settled; one file of a source at a time.

Any number of processes may look at the same folders: each file is read by who claims it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field

from schemas.business import EventTypes
from schemas.cloudevents import InvalidEventError
from schemas.codec import Codec
from streams.files import metrics
from streams.files.declared import FILE, Source, read_files
from streams.files.folder import Folder, Seen
from streams.files.places import AnyFolder, folder_of
from streams.files.reading import ChangedError, Reading
from streams.ground.beside import beside
from streams.ground.errors import ExlifyError
from streams.ground.publish import Publishing
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.ground.sources import Looks, kept
from streams.processors.call.connections import Addresses
from streams.processors.call.mappings import Mappings


class HeldError(Exception):
    """Files that cannot be read, where all others were: what is in the folder, and the reason of the first of them."""

    def __init__(self, found: dict[str, Seen], reason: Exception) -> None:
        super().__init__()
        self.found = found
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """The sources of this process."""

    site: Site
    settings: Settings
    codec: Codec
    publisher: Publishing
    addresses: Addresses | None = None  # of connections, where they are known already
    types: EventTypes = field(default_factory=EventTypes.load)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Looks for as long as the context lasts. Raises ConfigurationError for a file that is faulty at the start."""
        declared = self.site.file(FILE, read_files)
        async with beside(kept(lambda: declared.value, self._watch, "files", metrics.STUCK), "files"):
            yield

    async def _watch(self, source: Source) -> None:
        folder = folder_of(source, self.addresses or Addresses(self.settings, self.site))
        try:
            await self._watch_in(source, folder)
        finally:
            await asyncio.to_thread(folder.close)

    async def _watch_in(self, source: Source, folder: AnyFolder) -> None:
        before: dict[str, Seen] = {}
        looks = Looks(source.name, metrics.STUCK, "files not read")
        while True:
            why = ""
            try:
                before = await self.look(source, before, folder)
            except HeldError as held:
                before, why = held.found, _reason(held.reason)
            except (OSError, ExlifyError, InvalidEventError) as error:
                why = _reason(error)
            except Exception as error:  # noqa: BLE001  # a bug: told as such, and the next look may be better
                why = looks.bug(error)
            looks.came_to(why)
            await asyncio.sleep(source.every_s)

    async def look(self, source: Source, before: dict[str, Seen], folder: AnyFolder | None = None) -> dict[str, Seen]:
        """Reads what has settled, which is as it was at the look `before`; gives what is there now.

        A file that cannot be read holds no other. Raises HeldError behind them all; anything else ends the look.
        """
        folder = folder or Folder(source.folder, source.match)
        found = await asyncio.to_thread(folder.waiting)
        reason: Exception | None = None
        for name, seen in found:
            if before.get(name) == seen and folder.is_settled(name, seen, source.settle_s):
                try:
                    await self.read(source, folder, name)
                except (OSError, ChangedError, UnicodeEncodeError) as error:
                    reason = reason or error
        if reason is not None:
            raise HeldError(dict(found), reason)
        return dict(found)

    async def read(self, source: Source, folder: AnyFolder, name: str) -> str:
        """Reads one file, unless somebody else does; gives what became of it, empty where it is not ours."""
        mappings = Mappings(self.settings.site_dir, self.site)
        reading = Reading(
            source=source,
            folder=folder,
            mapping=None if source.mapping is None else mappings.get(source.mapping),
            codec=self.codec,
            types=self.types,
            publisher=self.publisher,
        )
        async with _aside(folder.claimed(name)) as ours:
            if not ours:
                return ""
            fate = await reading.read(name)
        metrics.FILES.labels(source.name, fate).inc()
        return fate


@asynccontextmanager
async def _aside(context: AbstractContextManager[bool]) -> AsyncIterator[bool]:
    """A context whose beginning and end may wait for a server, beside the event loop."""
    entering = asyncio.ensure_future(asyncio.to_thread(context.__enter__))
    try:
        yield await asyncio.shield(entering)
    finally:
        await asyncio.wait({entering})
        if entering.exception() is None:
            await asyncio.to_thread(context.__exit__, None, None, None)


def _reason(error: Exception) -> str:
    if isinstance(error, ChangedError):
        return "a file was written to while it was read; raise `settle`, or have it put there whole by a rename"
    if isinstance(error, UnicodeEncodeError):
        return "the name of a file is no Unicode; rename it"
    if isinstance(error, OSError):
        return f"the folder or a file in it: {error.strerror or type(error).__name__}"
    return str(error)

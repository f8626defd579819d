"""What the commands share whose sources become events: files, rows, messages."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from streams.ground.settings import Settings
    from streams.ground.site_yaml import Part

S = TypeVar("S")


def declared(settings: Settings, file: str, read: Callable[[Part | None], Mapping[str, S]]) -> Mapping[str, S]:
    """The sources that a file of the site declares. Raises UsageError where there are none."""
    from streams.ground.site import Site

    found = Site(settings.site_dir).file(file, read).value
    if not found:
        called = file.removesuffix(".yaml")
        raise UsageError(f"{called}: no source is declared. Write one into {settings.site_dir.absolute() / file}.")
    return found


def faults(settings: Settings, connections: Mapping[str, Sequence[str | None]]) -> Mapping[str, str]:
    """Why sources cannot be read, by their names: a connection that they need has no address."""
    from connectors.hub.connections import Connections
    from connectors.hub.contract import Refused
    from streams.ground.site import Site
    from streams.processors.call.connections import Addresses

    known = Connections(Addresses(settings, Site(settings.site_dir)).urls)
    found: dict[str, str] = {}
    for name, needed in connections.items():
        try:
            for each in filter(None, needed):
                known.url(each)
        except Refused as refusal:
            found[name] = refusal.outcome.detail
    return found


def watch(settings: Settings, watching: Callable[..., Any]) -> None:
    """Watches them in this process, as the gateway does, until it is told to stop."""
    import uvloop

    from streams.ground import logs

    logs.configure(settings)
    uvloop.run(_watched(settings, watching))


async def _watched(settings: Settings, watching: Callable[..., Any]) -> None:
    from streams.catalogue import FUNCTIONS
    from streams.definitions.feed import DefinitionFeed
    from streams.ground.codec import open_codec
    from streams.ground.publish import Publisher
    from streams.ground.site import Site
    from streams.processors.call.connections import Addresses

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    site, codec = Site(settings.site_dir), await open_codec(settings)
    addresses = Addresses(settings, site)
    book = DefinitionFeed(settings, codec, FUNCTIONS)  # which knows the types of events of one's own
    async with Publisher(settings, linger_ms=5) as publisher, site.followed(), book.followed():
        given = {"site": site, "settings": settings, "addresses": addresses, "codec": codec, "publisher": publisher}
        async with watching(**given, types=book.types).running():
            await stop.wait()

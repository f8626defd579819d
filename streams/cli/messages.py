"""`exlify messages`: the messages of queues, topics and mailboxes that become events."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from streams.cli._output import json_option, print_json, print_table
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.ground.settings import Settings
    from streams.messages.declared import Source


@click.group(
    epilog="""\b
Examples:
  exlify messages list
  exlify messages run
"""
)
def command() -> None:
    """See what becomes of messages of others, by messages.yaml of the site folder."""


@command.command("list", epilog="""\b
Examples:
  exlify messages list
  exlify messages list --json
""")  # fmt: skip
@json_option
def list_(as_json: bool) -> None:
    """List all sources."""
    from streams import catalogue

    rows = [
        {
            "source": each.name,
            "connection": each.connection,
            "from": each.place,
            "type": each.type,
            "broken": each.broken,
        }
        for each in _sources(catalogue.load_settings()).values()
    ]
    if as_json:
        print_json({"messages": rows})
    else:
        print_table(("SOURCE", "CONNECTION", "FROM", "TYPE", "BROKEN"), (tuple(each.values()) for each in rows))


@command.command(epilog="""\b
Examples:
  exlify messages run                  until told to stop, beside the gateway or in its place
""")  # fmt: skip
def run() -> None:
    """Take messages in this process, as the gateway does: where the gateway does not reach the systems.

    Any number may run, and share what comes.
    """
    import uvloop

    from streams.cli._client import with_kafka
    from streams.ground import logs

    settings = with_kafka()
    _sources(settings)
    logs.configure(settings)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    from streams.catalogue import FUNCTIONS
    from streams.definitions.feed import DefinitionFeed
    from streams.ground.codec import open_codec
    from streams.ground.publish import Publisher
    from streams.ground.site import Site
    from streams.messages.watching import Watching
    from streams.processors.call.connections import Addresses

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    site, codec = Site(settings.site_dir), await open_codec(settings)
    addresses = Addresses(settings, site)
    book = DefinitionFeed(settings, codec, FUNCTIONS)  # which knows the types of events of one's own
    async with Publisher(settings, linger_ms=5) as publisher, site.followed(), book.followed():
        watching = Watching(
            site=site, settings=settings, addresses=addresses, codec=codec, publisher=publisher, types=book.types
        )  # fmt: skip
        async with watching.running():
            await stop.wait()


def _sources(settings: Settings) -> Mapping[str, Source]:
    from streams.ground.site import Site
    from streams.messages.declared import FILE, read_messages

    declared = Site(settings.site_dir).file(FILE, read_messages).value
    if not declared:
        raise UsageError(f"messages: no source is declared. Write one into {settings.site_dir.absolute() / FILE}.")
    return declared

"""`exlify rows`: the rows of databases that become events."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click
import orjson

from streams.cli._output import json_option, print_json, print_table
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.ground.settings import Settings
    from streams.rows.declared import Source


@click.group(
    epilog="""\b
Examples:
  exlify rows list
  exlify rows run
"""
)
def command() -> None:
    """See what becomes of rows of databases, by rows.yaml of the site folder."""


@command.command("list", epilog="""\b
Examples:
  exlify rows list
  exlify rows list --json
""")  # fmt: skip
@json_option
def list_(as_json: bool) -> None:
    """List all sources, and how far each is read."""
    from streams.cli._client import with_kafka
    from streams.rows.position import known_positions

    settings = with_kafka()
    declared = _sources(settings)
    known = known_positions(settings)
    rows = []
    for name, source in declared.items():
        position = known.get(name)
        at = "until done" if source.done else orjson.dumps(position.cursor if position else source.start).decode()
        count = None if source.done else position.rows if position else 0
        rows.append({"source": name, "connection": source.connection, "type": source.type, "at": at, "rows": count})
    if as_json:
        print_json({"rows": rows})
    else:
        print_table(("SOURCE", "CONNECTION", "TYPE", "AT", "ROWS"), (tuple(each.values()) for each in rows))


@command.command(epilog="""\b
Examples:
  exlify rows run                      until told to stop, beside the gateway or in its place
""")  # fmt: skip
def run() -> None:
    """Read rows in this process, as the gateway does: where the gateway does not reach the databases.

    Any number may run; one of them reads, and another one goes on once it ends.
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
    from streams.processors.call.connections import Addresses
    from streams.rows.watching import Watching

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
    from streams.rows.declared import FILE, read_rows

    declared = Site(settings.site_dir).file(FILE, read_rows).value
    if not declared:
        raise UsageError(f"rows: no source is declared. Write one into {settings.site_dir.absolute() / FILE}.")
    return declared

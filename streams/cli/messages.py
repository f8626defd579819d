"""`exlify messages`: the messages of queues, topics and mailboxes that become events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streams.cli import _sources as sources
from streams.cli._output import json_option, print_json, print_table

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
    """List all sources. Of one whose connection has no address it says so."""
    from streams import catalogue

    settings = catalogue.load_settings()
    declared = _sources(settings)
    faults = sources.faults(settings, {name: (each.connection, each.avro) for name, each in declared.items()})
    rows = [
        {
            "source": each.name,
            "connection": each.connection,
            "from": each.place,
            "type": each.type,
            "broken": each.broken,
            "fault": faults.get(each.name),
        }
        for each in declared.values()
    ]
    if as_json:
        print_json({"messages": rows})
    else:
        head = ("SOURCE", "CONNECTION", "FROM", "TYPE", "BROKEN")
        table = [[each[name.lower()] for name in head] for each in rows]
        print_table(head, table, notes=[each["fault"] for each in rows])


@command.command(epilog="""\b
Examples:
  exlify messages run                  until told to stop, beside the gateway or in its place
""")  # fmt: skip
def run() -> None:
    """Take messages in this process, as the gateway does: where the gateway does not reach the systems.

    Any number may run, and share what comes.
    """
    from streams.cli._client import with_kafka
    from streams.messages.watching import Watching

    settings = with_kafka()
    _sources(settings)
    sources.watch(settings, Watching)


def _sources(settings: Settings) -> Mapping[str, Source]:
    from streams.messages.declared import FILE, read_messages

    return sources.declared(settings, FILE, read_messages)

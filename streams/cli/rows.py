"""`exlify rows`: the rows of databases that become events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from streams.cli import _sources as sources
from streams.cli._output import json_option, print_json, print_table

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
    """List all sources, and how far each is read. Of one whose connection has no address it says so."""
    from streams.cli._client import with_kafka
    from streams.rows.position import known_positions

    settings = with_kafka()
    declared = _sources(settings)
    faults = sources.faults(settings, {name: (each.connection,) for name, each in declared.items()})
    known = known_positions(settings)
    rows: list[dict[str, Any]] = []
    for name, source in declared.items():
        position = known.get(name)
        at = "until done" if source.done else orjson.dumps(position.cursor if position else source.start).decode()
        count = None if source.done else position.rows if position else 0
        rows.append(
            {
                "source": name,
                "connection": source.connection,
                "type": source.type,
                "at": at,
                "rows": count,
                "fault": faults.get(name),
            }
        )
    if as_json:
        print_json({"rows": rows})
    else:
        head = ("SOURCE", "CONNECTION", "TYPE", "AT", "ROWS")
        table = [[each[name.lower()] for name in head] for each in rows]
        print_table(head, table, notes=[each["fault"] for each in rows])


@command.command(epilog="""\b
Examples:
  exlify rows run                      until told to stop, beside the gateway or in its place
""")  # fmt: skip
def run() -> None:
    """Read rows in this process, as the gateway does: where the gateway does not reach the databases.

    Any number may run; one of them reads, and another one goes on once it ends.
    """
    from streams.cli._client import with_kafka
    from streams.rows.watching import Watching

    settings = with_kafka()
    _sources(settings)
    sources.watch(settings, Watching)


def _sources(settings: Settings) -> Mapping[str, Source]:
    from streams.rows.declared import FILE, read_rows

    return sources.declared(settings, FILE, read_rows)

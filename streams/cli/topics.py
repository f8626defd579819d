"""`exlify topics`: the catalogue, and how far the processors are."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from streams.cli._client import with_kafka
from streams.cli._output import echo, json_option, print_json, print_table
from streams.console.lag import lag_line
from streams.console.reach import look
from streams.ground.errors import UnavailableError


@click.command(
    epilog="""\b
Examples:
  exlify topics
  exlify topics --json | jq '.[] | select(.lag | length > 0)'
  exlify topics --create             as `exlify up` does; for a cluster of your own
"""
)
@click.option("--create", is_flag=True, help="Create those of the catalogue that are missing.")
@json_option
def command(create: bool, as_json: bool) -> None:
    """Show every topic of Exlify: partitions, records kept, and how many of them each processor has yet to read."""
    from streams import catalogue
    from streams.ground.provision import provision

    settings = with_kafka()
    if create:
        asyncio.run(provision(settings, catalogue.topics(settings)))
    found = look(settings)
    if as_json:
        print_json(found)
    else:
        print_table(
            ("TOPIC", "PARTITIONS", "RECORDS", "KEPT", "LAG"),
            (
                (each["topic"], each["partitions"] or "missing", each["records"], each["kept"], lag_line(each))
                for each in found
            ),
        )
    _tell_doubts(found)


def _tell_doubts(found: list[dict[str, Any]]) -> None:
    """What the table does not show, or shows of a topic that has changed under its readers."""
    if shortened := [each["topic"] for each in found if each["shortened"]]:
        echo(f"! has read more than there is: {', '.join(shortened)} lost records, or was made anew.", err=True)
    if unknown := [each["topic"] for each in found if not each["complete"]]:
        raise UnavailableError(f"The picture is incomplete: partitions of {', '.join(unknown)} do not answer.")

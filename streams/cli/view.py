"""`exlify view`: the rows of the read model, made again from the topics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from streams.cli._client import with_kafka
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from streams.console.lag import Offsets
    from streams.ground.kafka import Place
    from streams.ground.settings import Settings

LOOK_S = 0.5
TELL_PERCENT = 10
STILL_S = 60.0  # nothing has come for so long: nobody works on it


@click.group(
    epilog="""\b
Examples:
  exlify view rebuild
""",
)
def command() -> None:
    """Make the rows of the read model again."""


@command.command()
@click.option("--no-wait", is_flag=True, help="Do not wait until all rows are there.")
@json_option
def rebuild(no_wait: bool, as_json: bool) -> None:
    """Have all rows made again from the topics, over those that are there.

    The view that runs, or the next one, does it, and goes on where it was if it is stopped; so this command can be left
    with Ctrl-C. Rows of records that Kafka no longer keeps stay as they are.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from streams.processors import ALL
    from streams.readmodel import filling
    from streams.readmodel.database import open_database, reason_of
    from streams.readmodel.projection import projections

    settings = with_kafka()
    first, last = _ends(settings)
    try:
        engine = open_database(settings, projections(ALL))
        with engine.begin() as connection:
            filling.again(connection)
        gone = sum(first.values())
        if gone:
            echo(f"Kafka no longer keeps {gone:,} records; rows that were made of them stay as they are.", err=True)
        if not no_wait:
            _follow(engine, first, last)
    except SQLAlchemyError as error:
        raise UnavailableError(f"The read model does not answer ({reason_of(error)}).") from None
    records = sum(last[place] - first[place] for place in last)
    if as_json:
        print_json({"records": records, "no_longer_kept": gone, "complete": not no_wait})
    elif no_wait:
        echo(f"{records:,} records are read again by the view.")
    else:
        echo(f"{records:,} records read again; all rows are there.")


def _ends(settings: Settings) -> tuple[Offsets, Offsets]:
    """First and next offset of every partition that rows are made of. Raises UnavailableError."""
    from streams.console.reach import ends
    from streams.processors.view import DECLARATION

    return ends(settings, [topic.name for topic in DECLARATION.reads])


def _follow(engine: Engine, first: Offsets, last: Offsets) -> None:
    """Tells how far it is, until what was there at the beginning is in the rows. Raises UnavailableError."""
    total, told, moved_at, before = _read(first, last, last), 0, time.monotonic(), -1
    while (done := _read(first, last, _positions(engine))) < total:
        if done != before:
            moved_at, before = time.monotonic(), done
        if (percent := 100 * done // total) >= told + TELL_PERCENT:
            told = percent
            echo(f"{percent} % of {total:,} records", err=True)
        if time.monotonic() - moved_at > STILL_S:
            raise UnavailableError(
                f"Nothing has come for {STILL_S:.0f} s ({done:,} of {total:,} records). A view that runs goes on with "
                "it: `exlify status` tells whether there is one."
            )
        time.sleep(LOOK_S)


def _positions(engine: Engine) -> Mapping[Place, int]:
    from streams.readmodel import filling

    return filling.positions(engine, filling.current(engine) or "")


def _read(first: Offsets, last: Offsets, positions: Mapping[Place, int]) -> int:
    """How many of the records are in the rows."""
    return sum(max(0, min(positions.get(each, 0), end) - first[each]) for each, end in last.items())

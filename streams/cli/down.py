"""`exlify down`: finds the local system of the data folder and stops it."""

from __future__ import annotations

import click

from streams.cli._output import echo

STOP_TIMEOUT_S = 120.0  # more than the stages of a system have together


@click.command(
    epilog="""\b
Examples:
  exlify down
  EXLIFY_DATA_DIR=/srv/exlify exlify down
"""
)
def command() -> None:
    """Stop the local system of this data folder and wait until it is gone.

    Data stays; `exlify up` goes on with it.
    """
    from infra.local.datafolder import DataFolder
    from infra.local.errors import LocalError
    from streams.catalogue import load_settings
    from streams.ground.errors import UnavailableError

    folder = DataFolder(load_settings().data_dir)
    try:
        ended = folder.end_holder(STOP_TIMEOUT_S)
    except LocalError as error:
        raise UnavailableError(str(error)) from None
    echo(f"Nothing runs in {folder.path}." if ended is None else f"Stopped the system in {folder.path}.")

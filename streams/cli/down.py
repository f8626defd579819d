"""`exlify down`: finds the local system of the data folder and stops it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from streams.cli._output import echo

STOP_TIMEOUT_S = 60.0
LOOK_INTERVAL_S = 0.1


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
    from streams.catalogue import load_settings

    folder = DataFolder(load_settings().data_dir)
    pid = folder.holder
    if pid is None:
        echo(f"Nothing runs in {folder.path}.")
        return
    if not _stopped(folder.path, pid, signal.SIGTERM) and not _stopped(folder.path, pid, signal.SIGKILL):
        raise click.ClickException(f"Process {pid} does not end. It may wait for a disk that does not answer.")
    echo(f"Stopped the system in {folder.path}.")


def _stopped(path: Path, pid: int, number: signal.Signals) -> bool:
    """Sends the signal and waits until the folder is free; killing the supervisor ends its children with it."""
    from infra.local.datafolder import DataFolder

    deadline = time.monotonic() + STOP_TIMEOUT_S
    os.kill(pid, number)
    while DataFolder(path).holder == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_INTERVAL_S)
    return True

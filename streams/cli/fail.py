"""`exlify fail`: end an instance with the error of a failed step."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._repairs import decide, decision
from streams.cli._undoing import undo_option, undone


@click.command(
    epilog="""\b
Examples:
  exlify fail 8f14e45fceea167a5a36dedd4bea2543 --why "the customer has gone"
  exlify fail --workflow order --version 1.0.0 --error NOT_FOUND --why "test orders" --dry-run
"""
)
@decision
@undo_option
def command(undo: bool, **given: Any) -> None:
    """End INSTANCE with the error of its failed step, past every `catch`, or all instances that the filters find.

    What they have done is undone first, where their definition says how. Of an instance that undoes already, the undo
    that has failed is given up, and the others go on. Exit code 1 if the engine has not taken all of them, 2 if there
    is nothing to fail.
    """
    decide("fail", given, undone(undo))

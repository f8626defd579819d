"""`exlify cancel`: end instances before their time."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._controls import Verb, carry_out, decision
from streams.cli._undoing import undo_option, undone


@click.command(
    epilog="""\b
Examples:
  exlify cancel 8f14e45fceea167a5a36dedd4bea2543 --why "withdrawn by the customer"
  exlify cancel 8f14e45fceea167a5a36dedd4bea2543 --why duplicate --as kim --json
  exlify cancel --workflow order --status waiting --until 2026-01-31T00:00:00Z --why "too old" --dry-run
  exlify cancel 8f14e45fceea167a5a36dedd4bea2543 --why "undone by hand" --no-undo
"""
)
@decision
@click.option("--reason", help="The same as --why.")
@undo_option
def command(reason: str | None, undo: bool, **given: Any) -> None:
    """Ask for INSTANCE to be cancelled, or for all open instances that the filters find.

    Their open steps are withdrawn, what they have done is undone where their definition says how, and their outcome
    says that they were cancelled. Exit code 2 if it has
    ended already.
    """
    given["why"] = given["why"] or reason
    carry_out(Verb(name="cancel", done="asked to end", said_as="reason"), given, undone(undo))

"""`exlify suspend`: let instances stand still."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._controls import Verb, carry_out, decision


@click.command(
    epilog="""\b
Examples:
  exlify suspend 8f14e45fceea167a5a36dedd4bea2543 --why "the customer has called"
  exlify suspend --workflow order --version 1.1.0 --why "prices are wrong" --dry-run
"""
)
@decision
def command(**given: Any) -> None:
    """Let INSTANCE stand still, or all open instances that the filters find.

    They take results in and start nothing; what falls due waits until `exlify resume`. Exit code 1 if the engine has
    not taken all of them, 2 if it was refused.
    """
    carry_out(Verb(name="suspend", done="suspended"), given, {})

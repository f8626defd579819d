"""`exlify resume`: let suspended instances go on."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._controls import Verb, carry_out, decision


@click.command(
    epilog="""\b
Examples:
  exlify resume 8f14e45fceea167a5a36dedd4bea2543 --why "it is settled"
  exlify resume --status suspended --workflow order --why "prices are right" --rate 20
"""
)
@decision
def command(**given: Any) -> None:
    """Let INSTANCE go on, or all suspended instances that the filters find (--status suspended).

    Results that came meanwhile count as of their time, and what fell due happens now. Exit code 1 if the engine has not
    taken all of them, 2 if it was refused.
    """
    carry_out(Verb(name="resume", done="resumed"), given, {})

"""`exlify move`: let instances go on with another version of their workflow."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._controls import Verb, carry_out, decision
from streams.ground.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  exlify move 8f14e45fceea167a5a36dedd4bea2543 --to 1.1.0 --why "the new form"
  exlify move --workflow order --version 1.0.0 --to latest --why "typo mended" --dry-run
  exlify move --workflow order --version 1.0.0 --to 1.1.0 --place /do/1/review=/do/2/review --why "a step came before"
"""
)
@decision
@click.option("--to", required=True, metavar="VERSION", help="A deployed version, a digest, or latest.")
@click.option(
    "--place",
    "places",
    multiple=True,
    metavar="OLD=NEW",
    help="An open task that stands elsewhere: JSON Pointers.",
)
def command(to: str, places: tuple[str, ...], **given: Any) -> None:
    """Let INSTANCE go on with another version, or all open instances that the filters find.

    Every open task has to be there, at the same place or where --place says; else nothing is changed and the answer
    says what does not fit. Exit code 1 if the engine has not taken all of them, 2 if it was refused.
    """
    named = dict(each.partition("=")[::2] for each in places)
    if not all(named.values()):
        raise UsageError("--place: write the pointer before and the one now, such as /do/1/review=/do/2/review")
    carry_out(Verb(name="move", done="moved"), given, {"definition": to, "places": named})

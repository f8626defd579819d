"""`exlify skip`: leave a failed step out."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._repairs import decide, decision, json_or_file


@click.command(
    epilog="""\b
Examples:
  exlify skip 8f14e45fceea167a5a36dedd4bea2543 --output '{"sent": true}' --why "it has happened, says the bank"
  exlify skip --workflow order --error REMOTE_FAULT --output null --why "the newsletter is not needed"
"""
)
@decision
@click.option("--output", metavar="JSON|@FILE", required=True, help="What the step would have given.")
def command(output: str, **given: Any) -> None:
    """Leave the failed step of INSTANCE out, or those that the filters find, and give what it would have given.

    Exit code 1 if the engine has not taken all of them, 2 if there is nothing to skip.
    """
    decide("skip", given, {"output": json_or_file(output, "--output")})

"""`exlify retry`: do failed steps again."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._hurrying import hurry
from streams.cli._repairs import decide, decision, json_or_file
from streams.ground.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  exlify retry 8f14e45fceea167a5a36dedd4bea2543
  exlify retry 8f14e45fceea167a5a36dedd4bea2543 --task /do/2/transfer --set '{"account": "DE12"}'
  exlify retry 8f14e45fceea167a5a36dedd4bea2543 --now
  exlify retry --now --connection erp --why "it is well again"
  exlify retry --workflow order --error MISCONFIGURED --why "connection is set" --rate 50
  exlify retry --workflow order --definition latest --why "typo mended" --dry-run
"""
)
@decision
@click.option("--set", "patch", metavar="JSON|@FILE", help="Members of that step's input that are to be others.")
@click.option("--now", is_flag=True, help="Steps that wait for their next try do not wait for its time.")
@click.option("--new-key", is_flag=True, help="With a new idempotency key: systems take it for another call.")
@click.option("--definition", help="Go on with this deployed definition: a version, a digest, or latest.")
def command(patch: str | None, now: bool, new_key: bool, definition: str | None, **given: Any) -> None:
    """Do failed steps again: those of INSTANCE, or all that the filters find.

    With --now, begin the next try of those that have not failed for good and wait for it. Each keeps its idempotency
    key, unless told otherwise. Exit code 1 if the engine has not taken all of them, 2 if there is nothing to retry.
    """
    if now:
        hurry(given, {"--set": patch, "--new-key": new_key, "--definition": definition})
        return
    more: dict[str, Any] = {}
    if patch is not None:
        more["input"] = json_or_file(patch, "--set")
        if not isinstance(more["input"], dict):
            raise UsageError('--set: write an object with the members to change, as \'{"name": "value"}\'')
        if given["instance"] is None:
            raise UsageError("--set changes the input of one step: name an INSTANCE")
    if new_key:
        more["new_key"] = True
    if definition is not None:
        more["definition"] = definition
    decide("retry", given, more)

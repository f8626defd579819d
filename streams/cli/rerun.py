"""`exlify rerun`: the case of an instance once more."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._controls import Verb, carry_out, decision
from streams.cli._repairs import json_or_file
from streams.ground.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  exlify rerun 8f14e45fceea167a5a36dedd4bea2543 --why "the bank had wrong rates"
  exlify rerun 8f14e45fceea167a5a36dedd4bea2543 --input @corrected.json --why "typo in the order"
  exlify rerun 8f14e45fceea167a5a36dedd4bea2543 --from charge --input '{"amount": 12}' --why "only charge again"
  exlify rerun --workflow order --status faulted --error NOT_FOUND --why "articles are there now" --rate 20
"""
)
@decision
@click.option("--from", "task", metavar="TASK", help="Begin at this task of the outermost list; needs --input.")
@click.option("--input", "data", metavar="JSON|@FILE", help="Other input. Default: the data of the event.")
@click.option("--context", metavar="JSON|@FILE", help="With --from: what $context is there. Default: empty.")
@click.option("--definition", metavar="VERSION", help="On this deployed version. Default: that of new instances.")
def command(task: str | None, data: str | None, context: str | None, definition: str | None, **given: Any) -> None:
    """Run the case of INSTANCE once more as another instance, or of all instances that the filters find.

    Effects of the first run are not undone, and systems take calls of the new one for new calls. Exit code 1 if not all
    were started, 2 if it was refused.
    """
    more: dict[str, Any] = {name: value for name, value in (("task", task), ("definition", definition)) if value}
    if data is not None:
        more["input"] = json_or_file(data, "--input")
    if context is not None:
        more["context"] = json_or_file(context, "--context")
    if task is not None and data is None:
        raise UsageError("--from: say by --input what that task is to begin with")
    if (data is not None or task is not None) and given["instance"] is None:
        raise UsageError("--input and --from are about one case: name an INSTANCE")
    carry_out(Verb(name="rerun", done="started", of_open=False), given, more)

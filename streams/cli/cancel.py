"""`exlify cancel`: end an instance before its time."""

from __future__ import annotations

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import connect
from streams.cli._ids import instance_path
from streams.cli._output import echo, json_option, print_json


@click.command(
    epilog="""\b
Examples:
  exlify cancel 8f14e45fceea167a5a36dedd4bea2543 --reason "withdrawn by the customer"
  exlify cancel 8f14e45fceea167a5a36dedd4bea2543 --reason duplicate --as kim --json
"""
)
@click.argument("instance")
@click.option("--reason", required=True, help="Why, in a few words; history keeps it, so no personal data.")
@as_option("cancels")
@json_option
def command(instance: str, reason: str, actor: str | None, as_json: bool) -> None:
    """Ask for INSTANCE to be cancelled.

    Its open steps are withdrawn, and its outcome says that it was cancelled. Exit code 2 if it has ended already.
    """
    wish = {"reason": reason, "actor": acting(actor)}
    client = connect()
    _, taken = client.post_json(f"{instance_path(client, instance)}/cancel", wish)
    if as_json:
        print_json(taken)
    else:
        echo(f"taken note of; `exlify show {taken['instance_id']}` tells what became of it")

"""`exlify list`: find instances."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from schemas.lifecycle import OF_INSTANCES
from streams.cli._client import Client, connect
from streams.cli._moments import moment, period, utc_option
from streams.cli._output import json_option, print_json, print_page, status
from streams.cli._reason import reason_line, retry_line
from streams.ground.errors import UsageError

STATUSES = [status.value for status in OF_INSTANCES]


@click.command(
    epilog="""\b
Examples:
  exlify list --status faulted
  exlify list --workflow customer-onboarding --since 7d
  exlify list --key A-1007 --json
  exlify list --step createCustomer --reason UNREACHED
  exlify list --retrying                    with the next time and the tries left
  exlify list --retrying --connection erp
  exlify list --data address.city=Bremen
"""
)
@click.option("--workflow", help="Name of the workflow.")
@click.option("--status", "wanted", type=click.Choice(STATUSES), help="Status of the instance.")
@click.option("--key", help="Business key, such as an application number.")
@click.option("--version", "definition_version", help="Version of the definition that it is on.")
@click.option("--reason", help="Why it faulted, waits for a decision or, with --retrying, for its next try.")
@click.option("--retrying", flag_value="true", help="Only those with a failed step that waits for its next try.")
@click.option("--step", help="The step at which it waits or faulted: its name, or its JSON Pointer.")
@click.option("--connection", help="With a failed step whose definition names this connection, such as erp.")
@click.option("--data", metavar="PATH=VALUE", help="A member of its input, such as customer.id=4711.")
@click.option("--find", metavar="VALUE", help="Its key, or a field that `document.metadata.search` names.")
@period("Started")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@json_option
@utc_option
def command(
    workflow: str | None,
    wanted: str | None,
    key: str | None,
    definition_version: str | None,
    as_json: bool,
    **query: Any,
) -> None:
    """List instances, newest first."""
    client = connect()
    page = client.get(
        "/v1/instances",
        workflow=workflow,
        status=wanted,
        business_key=key,
        version=definition_version,
        **query,
    )
    if workflow and not page["instances"]:
        _require_known(client, workflow)
    if as_json:
        print_json(page)
        return
    print_page(
        ("INSTANCE", "WORKFLOW", "VERSION", "STATUS", "KEY", "STARTED", "UPDATED"),
        (
            (
                each["instance_id"],
                each["workflow"],
                each["version"],
                status(each["status"]),
                each["business_key"],
                moment(each["started_at"]),
                moment(each["updated_at"]),
            )
            for each in page["instances"]
        ),
        page["next"],
        ids=["INSTANCE"],
        spare=["UPDATED", "VERSION", "KEY"],
        whole=["INSTANCE", "STATUS", "STARTED"],
        notes=[_note(each) for each in page["instances"]],
    )


def _note(instance: dict[str, Any]) -> str | None:
    """Why it has failed; or when the first of its failed steps is tried again."""
    if instance["error"] or not instance["retrying"]:
        return reason_line(instance["error"])
    first, *more = instance["retrying"]
    return retry_line(first) + (f"; and {len(more)} more" if more else "")


def _require_known(client: Client, workflow: str) -> None:
    """Raises UsageError where no workflow is called so: no rows would mean that none has started."""
    names = sorted({each["name"] for each in client.get("/v1/definitions")["definitions"]})
    if workflow not in names:
        close = get_close_matches(workflow, names, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise UsageError(f"no workflow is called {workflow}.{meant} There are: {', '.join(names) or 'none'}")

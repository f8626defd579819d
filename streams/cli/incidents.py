"""`exlify incidents`: failed steps that wait for somebody's decision."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._client import connect
from streams.cli._ids import incident_path
from streams.cli._moments import moment, utc_option
from streams.cli._output import json_option, print_fields, print_json, print_page, status
from streams.cli._reason import reason_fields, reason_line
from streams.cli._repairs import filters


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify incidents                                     the open ones
  exlify incidents list --workflow order --error UNREACHED
  exlify incidents show 8f14e45fceea167a5a36dedd4bea2543/3
""",
)
@json_option
@utc_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List and show failed steps that wait for a decision: `exlify retry`, `skip` or `fail`."""
    if context.invoked_subcommand is None:
        context.invoke(list_incidents, as_json=as_json)


@command.command("list")
@click.option(
    "--status",
    type=click.Choice(["open", "retried", "skipped", "failed", "cancelled"]),
    default="open",
    show_default=True,
    help="What was decided, or open.",
)
@filters
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@json_option
@utc_option
def list_incidents(as_json: bool, **query: Any) -> None:
    """List incidents, the oldest first."""
    page = connect().get("/v1/incidents", **query)
    if as_json:
        print_json(page)
        return
    print_page(
        ("INCIDENT", "WORKFLOW", "VERSION", "STEP", "REASON", "OWNER", "KEY", "SINCE", "STATUS"),
        (
            (
                each["incident_id"],
                each["workflow"],
                each["version"],
                each["pointer"],
                each["reason"] or each["error"].get("title"),
                each["owner"],
                each["business_key"],
                moment(each["opened_at"]),
                status(each["status"]),
            )
            for each in page["incidents"]
        ),
        page["next"],
        ids=["INCIDENT"],
        spare=["VERSION", "OWNER", "KEY", "STATUS"],
        whole=["INCIDENT", "SINCE"],
        notes=[reason_line(each["error"]) for each in page["incidents"]],
    )


@command.command()
@click.argument("incident")
@json_option
@utc_option
def show(incident: str, as_json: bool) -> None:
    """Show INCIDENT with its error and what was decided."""
    client = connect()
    found = client.get(incident_path(client, incident))
    if as_json:
        print_json(found)
        return
    print_fields(
        (
            ("incident", found["incident_id"]),
            ("workflow", f"{found['workflow']} {found['version']}"),
            ("step", found["pointer"]),
            ("try", f"{found['iteration']}/{found['attempt']}"),
            ("function", found["function"]),
            ("status", status(found["status"])),
            ("key", found["business_key"]),
            ("owner", found["owner"]),
            ("since", moment(found["opened_at"])),
            *reason_fields(found["error"]),
            ("decided", moment(found["closed_at"]) if found["closed_at"] else None),
            ("by", found["actor"]),
            ("why", found["why"]),
        )
    )

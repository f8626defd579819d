"""`exlify letters`: parked records and dead letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import click

from streams.cli._client import connect
from streams.cli._moments import moment, utc_option
from streams.cli._output import json_option, print_fields, print_json, print_page, status


def filters(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say which letters are meant."""
    options = (
        click.option("--kind", type=click.Choice(["parked", "dead"]), help="parked records, or dead letters of steps."),
        click.option("--topic", help="Topic on which it came."),
        click.option("--processor", help="Who could not use it."),
        click.option("--reason", help="A part of the reason, such as UNREACHED."),
        click.option("--workflow", help="Name of the workflow; of dead letters only."),
        click.option("--since", help="Written at this time (RFC 3339) or later."),
        click.option("--until", help="Written before this time (RFC 3339)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify letters                                     those about which nothing was decided
  exlify letters list --kind parked --topic events.generic.v1
  exlify letters show 3-8f14e45fceea167a5a36dedd4bea2543
""",
)
@json_option
@utc_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at letters: records that nobody could use (parked), and steps that failed (dead)."""
    if context.invoked_subcommand is None:
        context.invoke(list_letters, as_json=as_json, status="undecided")


@command.command("list")
@click.option(
    "--status",
    type=click.Choice(["undecided", "open", "edited", "redriven", "dropped"]),
    default="undecided",
    show_default=True,
    help="What was decided; undecided is open and edited.",
)
@filters
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@json_option
@utc_option
def list_letters(as_json: bool, **query: Any) -> None:
    """List letters, the oldest first."""
    page = connect().get("/v1/letters", **query)
    if as_json:
        print_json(page)
        return
    print_page(
        ("LETTER", "KIND", "PROCESSOR", "TOPIC", "REASON", "WORKFLOW", "REPLAYS", "SINCE", "STATUS"),
        (
            (
                each["letter_id"],
                each["kind"],
                each["processor"],
                each["topic"],
                each["reason"],
                each["workflow"],
                each["replays"],
                moment(each["at"]),
                status(each["status"]),
            )
            for each in page["letters"]
        ),
        page["next"],
        ids=["LETTER"],
        spare=["WORKFLOW", "REPLAYS", "TOPIC", "STATUS"],
        whole=["LETTER", "SINCE"],
    )


@command.command()
@click.argument("letter")
@json_option
@utc_option
def show(letter: str, as_json: bool) -> None:
    """Show LETTER with what it says, as it came and as it was edited: for people who may see it."""
    found = connect().get(f"/v1/letters/{quote(letter, safe='')}")
    if as_json:
        print_json(found)
        return
    print_fields(
        (
            ("letter", found["letter_id"]),
            ("kind", found["kind"]),
            ("status", status(found["status"])),
            ("reason", found["reason"]),
            ("processor", found["processor"]),
            ("came on", f"{found['topic']}[{found['partition']}] @ {found['offset']}"),
            ("held on", f"{found['held_topic']}[{found['partition']}] @ {found['held_offset']}"),
            ("left out", found["left_out"]),
            ("bytes", found["size"]),
            ("workflow", found["workflow"]),
            ("instance", found["instance_id"]),
            ("step", found["pointer"]),
            ("replays", found["replays"]),
            ("since", moment(found["at"])),
            ("changed", moment(found["changed_at"])),
            ("by", found["actor"]),
            ("why", found["why"]),
            ("refused", found["refused"]),
            *_version("original", found["original"]),
            *(_version("edited", found["edited"]) if found["edited"] else ()),
        )
    )


def _version(name: str, version: dict[str, Any] | None) -> list[tuple[str, Any]]:
    if version is None:
        return [(name, "held no longer")]
    said = version["data"] if version["data"] is not None else version["value"] and f"base64 {version['value']}"
    return [
        (name, version["message"] or ("JSON" if version["data"] is not None else "bytes")),
        ("  key", version["key"]),
        *((f"  {each['name']}", each["value"]) for each in version["headers"]),
        ("  value", said),
    ]

"""`exlify letters`: parked records and dead letters."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import click

from streams.cli._actor import acting, as_option
from streams.cli._bulk import EXIT_NOT_ALL, how, why_option
from streams.cli._client import connect
from streams.cli._letters import decide, print_told, required
from streams.cli._moments import moment, period, utc_option
from streams.cli._options import together
from streams.cli._output import json_option, print_fields, print_json, print_page, status
from streams.ground.errors import UsageError

filters = together(
    click.option("--kind", type=click.Choice(["parked", "dead"]), help="parked records, or dead letters of steps."),
    click.option("--topic", help="Topic on which it came."),
    click.option("--processor", help="Who could not use it."),
    click.option("--reason", help="A part of the reason, such as UNREACHED."),
    click.option("--workflow", help="Name of the workflow; of dead letters only."),
    period("Written"),
)
"""The options that say which letters are meant."""


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify letters                                     those about which nothing was decided
  exlify letters list --kind parked --topic events.generic.v1
  exlify letters show 3-8f14e45fceea167a5a36dedd4bea2543
  exlify letters redrive --processor intake --why "mapping mended" --rate 50
  exlify letters edit 3-8f14e45fceea167a5a36dedd4bea2543 --set data.amount=12 --why "typo of the sender"
""",
)
@json_option
@utc_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at letters, redrive, edit or drop them: records that nobody could use (parked), steps that failed (dead).

    A redriven record goes to where it came from, with its own bytes and headers; a dead letter's step is done again.
    """
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


_decision = together(click.argument("letters", nargs=-1), filters, how("letters"))


@command.command()
@_decision
@click.option("--force", is_flag=True, help="Also what came back too often, was dropped, or may have happened.")
def redrive(force: bool, **given: Any) -> None:
    """Send LETTERS once more, or all undecided ones that the filters find. Interrupted, it can be said again.

    Exit code 1 if not all were taken.
    """
    decide("redrive", given, {"force": force})


@command.command()
@_decision
def drop(**given: Any) -> None:
    """Say of LETTERS, or of all undecided ones that the filters find, that nobody needs them any more."""
    decide("drop", given, {})


@command.command()
@click.argument("letter")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--set", "changes", multiple=True, metavar="PATH=VALUE", help="Another member, JSON or a text; repeatable."
)
@why_option
@as_option("decides")
@json_option
def edit(
    letter: str, file: str | None, changes: tuple[str, ...], why: str | None, actor: str | None, as_json: bool
) -> None:
    """Give LETTER the value in FILE, or other members; `redrive` sends it then. Both versions stay on record.

    Of a dead letter these are members of the step's input that are to be others.
    """
    if (file is None) == (not changes):
        raise UsageError("Give either a FILE with the whole value, or members by --set PATH=VALUE.")
    wish: dict[str, Any] = {"letter": letter, "why": required(why), "actor": acting(actor)}
    if file is not None:
        with click.open_file(file, "rb") as opened:
            wish["value"] = base64.b64encode(opened.read()).decode()
    else:
        wish["set"] = dict(_change(each) for each in changes)
    _, told = connect().post_json("/v1/letters/edit", wish)
    if not print_told("edit", told["letters"], as_json).keys() <= {"edited"}:
        raise SystemExit(EXIT_NOT_ALL)


def _change(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not path or not equals:
        raise UsageError(f"--set {text}: write a path and a value, as customer.id=12")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


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

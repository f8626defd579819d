"""`exlify replays`: replays of past events, and what they showed."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import connect
from streams.cli._moments import moment, utc_option
from streams.cli._output import echo, json_option, print_json, print_page, status
from streams.cli._replays import path_of, print_counts, print_replay


@click.group(
    epilog="""\b
Examples:
  exlify replays list
  exlify replays show new-band
  exlify replays show new-band --task assessRisk --before review --after approve
  exlify replays pause new-band
"""
)
def command() -> None:
    """Look at replays of past events, begun by `exlify replay`; pause one, let it go on, end it."""


@command.command("list")
@click.option("--status", help="running, paused, completed, cancelled or failed.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@utc_option
@json_option
def list_(as_json: bool, **query: Any) -> None:
    """List replays, the newest first."""
    found = connect().get("/v1/replays", **query)
    if as_json:
        print_json(found)
        return
    print_page(
        ("REPLAY", "STATUS", "REPLAYED", "CHANGED", "UNANSWERED", "STARTED", "BY"),
        (
            (
                each["name"],
                status(each["status"]),
                each["replayed"],
                each["changed"],
                each["unanswered"],
                moment(each["started"]),
                each["actor"],
            )
            for each in found["replays"]
        ),
        found["next"],
    )


@command.command()
@click.argument("name")
@click.option("--task", help="List the events whose routes at this task are such:")
@click.option("--before", help="List the events whose first run ended so, or took this route.")
@click.option("--after", help="List the events that ended so now, or took this route.")
@click.option("--changed", is_flag=True, help="List the events that came to something else.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many events at most.")
@click.option("--cursor", help="Where the list of events before ended.")
@utc_option
@json_option
def show(name: str, changed: bool, limit: int, cursor: str | None, as_json: bool, **cell: str | None) -> None:
    """Show the replay NAME and its report; with --task, --before, --after or --changed the events behind it."""
    client = connect()
    if not (changed or any(cell.values())):
        print_replay(client.get(path_of(name)), as_json)
        return
    more = {"changed": "true"} if changed else {}
    found = client.get(f"{path_of(name)}/results", limit=limit, cursor=cursor, **cell, **more)
    if as_json:
        print_json(found)
        return
    print_page(
        ("FIRST RUN", "KEY", "BEFORE", "AFTER", "ROUTES BEFORE", "ROUTES AFTER", "STOPPED AT"),
        (
            (
                each["original_id"],
                each["business_key"],
                each["before"],
                each["after"],
                each["before_routes"],
                each["after_routes"],
                each["stopped_at"],
            )
            for each in found["results"]
        ),
        found["next"],
        ids=["FIRST RUN"],
    )


def _act(name: str, verb: str, why: str | None, actor: str | None, as_json: bool) -> None:
    wish = {"actor": acting(actor), **({"why": why} if why else {})}
    _, told = connect().post_json(f"{path_of(name)}/{verb}", wish)
    if as_json:
        print_json(told)
    elif told["status"] is None:
        echo(f"{verb} {name}: taken note of; `exlify replays show {name}` tells when it is so")
    else:
        print_counts(told)


why_option = click.option("--why", help="Why, in a few words; it is kept, so no personal data.")


@command.command()
@click.argument("name")
@why_option
@as_option("decides")
@utc_option
@json_option
def pause(name: str, why: str | None, actor: str | None, as_json: bool) -> None:
    """Let the replay NAME stand until it is resumed."""
    _act(name, "pause", why, actor, as_json)


@command.command()
@click.argument("name")
@why_option
@as_option("decides")
@utc_option
@json_option
def resume(name: str, why: str | None, actor: str | None, as_json: bool) -> None:
    """Let the replay NAME go on where it stood."""
    _act(name, "resume", why, actor, as_json)


@command.command()
@click.argument("name")
@why_option
@as_option("decides")
@utc_option
@json_option
def cancel(name: str, why: str | None, actor: str | None, as_json: bool) -> None:
    """End the replay NAME. What it has found stays."""
    _act(name, "cancel", why, actor, as_json)

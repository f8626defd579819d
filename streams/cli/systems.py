"""`exlify systems`: outside systems that are to be called, and those that are not for a while."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import connect
from streams.cli._moments import TO_COME, moment, utc_option
from streams.cli._output import Styled, json_option, print_fields, print_json, print_table, status

why_option = click.option("--why", required=True, help="Why, in a few words; it is kept, so no personal data.")


@click.group(
    epilog="""\b
Examples:
  exlify systems list
  exlify systems pause erp --until 2h --why "maintenance of the ERP"
  exlify systems resume erp --why "maintenance is over"
"""
)
def command() -> None:
    """Look at outside systems; pause one, or let it be called again.

    While a system is paused its steps wait: they use up no attempt, and no worker. Only the deadline of a task ends
    the waiting.
    """


@command.command("list")
@utc_option
@json_option
def list_(as_json: bool) -> None:
    """List the outside systems."""
    found = connect().get("/v1/systems")["systems"]
    if as_json:
        print_json({"systems": found})
    else:
        print_table(("SYSTEM", "ADDRESS", "CALLED", "UNTIL", "WHY"), map(_row, found))


@command.command()
@click.argument("name")
@utc_option
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the outside system NAME."""
    _print(connect().get(f"/v1/systems/{quote(name, safe='')}"), as_json)


@command.command()
@click.argument("name")
@click.option("--until", type=TO_COME, help="2h, 30m, or 2026-01-31T12:00:00Z. Default: until it is resumed.")
@why_option
@as_option("asks")
@utc_option
@json_option
def pause(name: str, until: str | None, why: str, actor: str | None, as_json: bool) -> None:
    """Let no call to the system NAME begin. Calls under way are not disturbed."""
    wish = {"why": why, "actor": acting(actor), **({"until": until} if until else {})}
    _, said = connect().post_json(f"/v1/systems/{quote(name, safe='')}/pause", wish)
    _print(said, as_json)


@command.command()
@click.argument("name")
@why_option
@as_option("asks")
@utc_option
@json_option
def resume(name: str, why: str, actor: str | None, as_json: bool) -> None:
    """Let the system NAME be called again. What waited comes back within two minutes, not all at once."""
    wish = {"why": why, "actor": acting(actor)}
    _, said = connect().post_json(f"/v1/systems/{quote(name, safe='')}/resume", wish)
    _print(said, as_json)


def _called(system: dict[str, Any]) -> Styled | str:
    if system["paused"]:
        return status("paused")
    return "no, it has failed repeatedly" if system["seen"]["breaker"] == "open" else "yes"


def _until(system: dict[str, Any]) -> str:
    if not system["paused"]:
        return "-"
    return moment(system["until"]) if system["until"] else "resumed"


def _row(system: dict[str, Any]) -> tuple[Any, ...]:
    return system["name"], system["address"], _called(system), _until(system), system.get("why")


def _print(system: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(system)
        return
    rate = "any" if system["per_s"] is None else f"{system['per_s']:g}"
    paused, seen = system["paused"], system["seen"]
    failed = f"{seen['failed']}, last {seen['last_reason']}, {moment(seen['last_failed'])}" if seen["failed"] else None
    print_fields(
        (
            ("system", system["name"]),
            ("address", system["address"]),
            ("called", _called(system)),
            ("until", _until(system) if paused else None),
            ("why", system.get("why")),
            ("asked by", system.get("actor")),
            ("since", moment(system["since"]) if paused else None),
            ("at once", system["concurrency"]),
            ("a second", rate),
            (f"calls in {seen['minutes']} min", seen["calls"]),
            ("failed", failed),
            ("a try", f"{system['timeout_s']:g} s"),
            ("patience", f"{system['patience_s']:g} s"),
        )
    )

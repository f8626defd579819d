"""`exlify definitions`: versions of workflows, what runs on them, and whether a workflow may start anything."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import Client, connect
from streams.cli._files import text_of
from streams.cli._moments import moment, utc_option
from streams.cli._options import together
from streams.cli._output import (
    echo,
    json_option,
    person,
    print_fields,
    print_json,
    print_table,
    print_text,
    status,
)
from streams.ground.errors import UsageError

EXIT_DIFFERS = 1
why_option = click.option("--why", required=True, help="Why, in a few words; it is kept, so no personal data.")


@click.group(
    epilog="""\b
Examples:
  exlify definitions list
  exlify definitions diff order 1.0.0 1.1.0
  exlify definitions diff order order.yaml        the version in force, and a file
  exlify definitions pause order --why "prices are wrong"
  exlify definitions activate order --version 1.0.0 --why "back to the old one"
  exlify definitions remove order@1.0.0 --why "nothing runs on it any more"
"""
)
def command() -> None:
    """Look at the versions of workflows; pause a workflow, activate or retire it, remove a version.

    While a workflow is paused its events wait; once it is active again they start on the version of that moment. The
    events of a retired one are counted and start nothing. Instances that run go on, whatever is said.
    """


@command.command("list")
@click.option("--workflow", help="Name of the workflow.")
@utc_option
@json_option
def list_(workflow: str | None, as_json: bool) -> None:
    """List all versions, with how many instances are on them and have not ended."""
    found = connect().get("/v1/definitions")["definitions"]
    if workflow is not None:
        found = [each for each in found if each["name"] == workflow]
        if not found:
            raise UsageError(f"no workflow is called {workflow}: `exlify definitions list` shows all")
    if as_json:
        print_json({"definitions": found})
        return
    head = ("WORKFLOW", "VERSION", "STARTS", "OPEN", "EVENTS WAITING", "DEPLOYED", "BY", "DIGEST")
    print_table(head, map(_row, found), ids=["DIGEST"], spare=["BY", "DEPLOYED"])


def _row(each: dict[str, Any]) -> tuple[Any, ...]:
    latest = each["latest"]
    starts: Any = "-"
    if each["fault"]:
        starts = "cannot run"
    elif latest:
        starts = "yes" if each["state"] == "active" else status(each["state"])
    waiting = each["held"] if latest and each["held"] else None
    when = moment(each["deployed_at"])
    return each["name"], each["version"], starts, each["open"], waiting, when, each["deployed_by"], each["digest"]


@command.command()
@click.argument("name")
@click.option("--version", help="That version, and not the one that new instances start on.")
@click.option("--source", is_flag=True, help="Only print the definition, as it was written.")
@utc_option
@json_option
def show(name: str, version: str | None, source: bool, as_json: bool) -> None:
    """Show a version of the workflow NAME, or the one with the digest NAME."""
    found = _get(connect(), name, version)
    if as_json:
        print_json(found)
        return
    if not source:
        print_fields(_fields(found))
        echo()
    print_text(found["yaml"])


def _fields(found: dict[str, Any]) -> list[tuple[str, Any]]:
    said, gone = found["said"], found["removed"]
    return [
        ("workflow", found["name"]),
        ("version", found["version"]),
        ("digest", found["digest"]),
        ("state", status(found["state"])),
        ("why", said and said["why"]),
        ("said by", said and person(said["actor"])),
        ("said", said and moment(said["at"])),
        ("starts", ", ".join(found["event_types"]) if found["latest"] else "nothing: another version is in force"),
        ("priority", found["priority"]),
        ("cannot run", found["fault"]),
        ("deployed", moment(found["deployed_at"])),
        ("by", person(found["deployed_by"])),
        ("removed", gone and moment(gone["at"])),
        ("removed by", gone and person(gone["actor"])),
        ("why removed", gone and gone["why"]),
        ("open", found["open"]),
        ("waiting", f"{found['held']} events" if found["held"] else None),
    ]


@command.command()
@click.argument("name")
@click.argument("before")
@click.argument("after", required=False)
@json_option
def diff(name: str, before: str, after: str | None, as_json: bool) -> None:
    """Show what differs between two versions of the workflow NAME.

    BEFORE and AFTER are versions, digests or files; with one of them, it is compared with the version in force. Exit
    code 1 if they differ.
    """
    client = connect()
    if after is None:
        left, right = _source(client, name, None), _source(client, name, before)
    else:
        left, right = _source(client, name, before), _source(client, name, after)
    lines = list(difflib.unified_diff(left[1].splitlines(), right[1].splitlines(), left[0], right[0], lineterm=""))
    if as_json:
        print_json({"before": left[0], "after": right[0], "lines": lines})
    elif lines:
        print_text("\n".join(lines) + "\n")
    else:
        echo(f"{left[0]} and {right[0]} are the same", err=True)
    if lines:
        raise SystemExit(EXIT_DIFFERS)


def _source(client: Client, name: str, which: str | None) -> tuple[str, str]:
    """What it is called, and its text."""
    if which is not None and (path := Path(which)).is_file():
        return which, text_of(path)
    versions = [each for each in client.get("/v1/definitions")["definitions"] if each["name"] == name]
    if which is not None and any(each["digest"] == which for each in versions):
        found = _get(client, which, None)
    else:
        found = _get(client, name, which)
    return f"{name} {found['version']}", found["yaml"]


def _get(client: Client, name: str, version: str | None) -> Any:
    return client.get(f"/v1/definitions/{quote(name, safe='')}", version=version)


_deciding = together(click.argument("name"), why_option, as_option("decides"), json_option)


@command.command()
@_deciding
def pause(name: str, why: str, actor: str | None, as_json: bool) -> None:
    """Let the workflow NAME start nothing for a while: its events wait."""
    _say("pause", name, {"why": why, "actor": acting(actor)}, as_json)


@command.command()
@click.option("--version", help="Start on this version from now on, which may be an older one.")
@_deciding
def activate(name: str, version: str | None, why: str, actor: str | None, as_json: bool) -> None:
    """Let the workflow NAME start instances again: for the events that have waited, too."""
    wish = {"why": why, "actor": acting(actor)} | ({"version": version} if version else {})
    _say("activate", name, wish, as_json)


@command.command()
@_deciding
def retire(name: str, why: str, actor: str | None, as_json: bool) -> None:
    """Let the workflow NAME start nothing any more: its events are counted, also those that have waited."""
    _say("retire", name, {"why": why, "actor": acting(actor)}, as_json)


@command.command()
@_deciding
def remove(name: str, why: str, actor: str | None, as_json: bool) -> None:
    """Remove a version that nothing needs any more: NAME is WORKFLOW@VERSION.

    Refused for the version in force, while instances on it have not ended, and while another definition runs it. It
    isn't listed any more and nothing can start on it or move to it. What ran on it keeps its definition, so its history
    is told and verified as before (`show DIGEST`). Its number stays taken; deploying the same text brings it back.
    """
    workflow, _, version = name.partition("@")
    if not workflow or not version:
        raise UsageError(f"{name} names no version: write WORKFLOW@VERSION, as `exlify definitions list` shows them")
    wish = {"why": why, "actor": acting(actor), "version": version}
    _, removed = connect().post_json(f"/v1/definitions/{quote(workflow, safe='')}/remove", wish)
    if as_json:
        print_json(removed)
    else:
        echo(f"{removed['name']} {removed['version']} is removed; its history stays (digest {removed['digest'][:12]})")


def _say(verb: str, name: str, wish: dict[str, Any], as_json: bool) -> None:
    _, said = connect().post_json(f"/v1/definitions/{quote(name, safe='')}/{verb}", wish)
    if as_json:
        print_json(said)
    else:
        on = f"; new instances start on {said['version']}" if said["state"] == "active" else ""
        echo(f"{said['name']} is ", status(said["state"]), on)

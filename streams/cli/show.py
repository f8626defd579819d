"""`exlify show`: one instance with its history."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._client import Client, connect
from streams.cli._output import compact, json_option, moment, print_fields, print_json, status


@click.command(
    epilog="""\b
Examples:
  exlify show 8f14e45fceea167a5a36dedd4bea2543
  exlify show 8f14e45fceea167a5a36dedd4bea2543 --json | jq .history
"""
)
@click.argument("instance")
@json_option
def command(instance: str, as_json: bool) -> None:
    """Show the state of INSTANCE and everything that has happened to it."""
    found = _whole(connect(), instance)
    if as_json:
        print_json(found)
        return
    print_fields(
        (
            ("instance", found["instance_id"]),
            ("workflow", f"{found['workflow']} {found['version']}"),
            ("status", status(found["status"])),
            ("key", found["business_key"]),
            ("started", moment(found["started_at"])),
            ("updated", moment(found["updated_at"])),
        )
    )
    for decision in found["decisions"]:
        model = f"{decision['model']} {decision['model_version']}"
        print_fields((("decision", f"{decision['route']} (score {decision['score']:.4f}) by {model}"),))
    for each in found["unhosted"]:
        waits = f"{each['pointer']} for {each['function']}, which nobody hosts: start `exlify worker --steps` with it"
        print_fields((("waits", waits),))
    click.echo()
    for entry in found["history"]:
        _print_entry(entry)


def _whole(client: Client, instance: str) -> Any:
    """The instance with all pages of its history."""
    found = client.get(f"/v1/instances/{instance}")
    following = found["next"]
    while following is not None:
        page = client.get(f"/v1/instances/{instance}", after=following)
        found["history"] += page["history"]
        following = page["next"]
    return {name: value for name, value in found.items() if name != "next"}


def _print_entry(entry: dict[str, Any]) -> None:
    cause = entry["cause"]
    about = cause.get("pointer") or cause.get("event_type") or cause.get("reason") or cause.get("detail") or ""
    seq = str(entry["seq"]).rjust(4)
    click.echo(
        f"{seq}  {moment(entry['at'])}  {status(entry['status'])}  after {cause['kind'] or 'a lost record'} {about}"
    )
    for name in ("output", "error"):
        if name in cause:
            click.echo(f"        {name} {compact(cause[name])}")
    for transition in entry["transitions"]:
        data = "" if transition["data"] is None else f"  {compact(transition['data'])}"
        again = f" ({transition['iteration']}/{transition['attempt']})"
        place = transition["pointer"] + (again if again != " (0/0)" else "")
        click.echo(f"        {transition['phase']:<18} {place}{data}")

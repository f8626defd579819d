"""`exlify show`: one instance with its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from streams.cli._client import Client, connect
from streams.cli._ids import instance_path
from streams.cli._moments import moment, utc_option
from streams.cli._output import compact, echo, json_option, person, print_fields, print_json, status
from streams.cli._reason import reason_fields, reason_line, retry_line

INDENT = " " * 8


@click.command(
    epilog="""\b
Examples:
  exlify show 8f14e45fceea167a5a36dedd4bea2543
  exlify show 8f14e45f                      as much of the id as tells it from others
  exlify show 8f14e45f --json | jq .history
"""
)
@click.argument("instance")
@json_option
@utc_option
def command(instance: str, as_json: bool) -> None:
    """Show the state of INSTANCE: why it failed or what it waits for, and everything that has happened to it."""
    client = connect()
    found = _whole(client, instance_path(client, instance))
    if as_json:
        print_json(found)
        return
    print_fields(_head(found))
    echo()
    for entry in found["history"]:
        _print_entry(entry)


def _whole(client: Client, path: str) -> Any:
    """The instance with all pages of its history."""
    found = client.get(path)
    following = found["next"]
    while following is not None:
        page = client.get(path, after=following)
        found["history"] += page["history"]
        following = page["next"]
    return {name: value for name, value in found.items() if name != "next"}


def _head(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "instance", found["instance_id"]
    yield "workflow", f"{found['workflow']} {found['version']}"
    yield "status", status(found["status"])
    yield from reason_fields(found["error"])
    for incident in found["incidents"]:
        yield "incident", f"{incident['pointer']}, since {moment(incident['opened_at'])} (exlify retry, skip or fail)"
        yield from ((name, value) for name, value in reason_fields(incident["error"]) if name != "where")
    yield from (("waits", _wait(each)) for each in found["waits_for"] or ())
    if found.get("undo"):
        yield "undo", f"if it is cancelled or failed: {', '.join(found['undo'])}"
    yield from (("retrying", retry_line(each)) for each in found["retrying"])
    if found["waits_for"] is None:
        yield "waits", "not told: its history or its definition is not known whole"
    yield "key", found["business_key"]
    yield "started", moment(found["started_at"])
    yield "updated", moment(found["updated_at"])
    for decision in found["decisions"]:
        model = f"{decision['model']} {decision['model_version']}"
        yield "decision", f"{decision['route']} (score {decision['score']:.4f}) by {model}"
    cause = found["history"][0]["cause"] if found["history"] else {}
    if "data" in cause:
        yield "event", f"{cause.get('event_type')} {cause.get('event_id')} of {cause.get('source')}"
        yield "input", compact(cause["data"], len("instance  "))


def _wait(wait: dict[str, Any]) -> str:
    """For what, since when, and until when."""
    task = wait.get("task")
    if task:
        what = f"for the team {task['team']}: {task['title']} (exlify tasks show {task['task_id']})"
    elif wait.get("function"):
        what = f"for {wait['function']} at {wait['pointer']}"
        if wait.get("hosted") is False:
            what += ", which nobody hosts (start its worker)"
    elif wait.get("events"):
        what = f"for {' or '.join(wait['events'])} at {wait['pointer']}"
    else:
        what = f"at {wait['pointer']} ({wait['kind']})"
    due = f", due {moment(task['due'])}" if task and task["due"] else ""
    until = f", until {moment(wait['until'])}" if wait["until"] else ""
    return f"{what}, since {moment(wait['since'])}{due}{until}"


def _print_entry(entry: dict[str, Any]) -> None:
    cause = entry["cause"]
    about = cause.get("pointer") or cause.get("event_type") or cause.get("reason") or cause.get("detail") or ""
    seq = str(entry["seq"]).rjust(4)
    who = f", by {person(cause['actor'])}" if cause.get("actor") else ""
    after = f"  after {cause['kind'] or 'a lost record'} {about}{who}"
    echo(f"{seq}  {moment(entry['at'])}  ", status(entry["status"]), after)
    if "output" in cause:
        echo(f"{INDENT}output ", compact(cause["output"], len(INDENT) + 7))
    if "error" in cause:
        echo(f"{INDENT}error ", reason_line(cause["error"]))
    asked = {_step(each): each for each in entry.get("asked", ())}
    for transition in entry["transitions"]:
        again = f" ({transition['iteration']}/{transition['attempt']})"
        place = transition["pointer"] + (again if again != " (0/0)" else "")
        told = f"{INDENT}{transition['phase']:<18} {place}"
        echo((told + _data(transition, len(told) + 2)).rstrip())
        step = asked.get(_step(transition)) if transition["phase"] == "task.started" else None
        if step is not None:
            echo(f"{INDENT}  {step['function']} ", compact(step["arguments"], len(INDENT) + len(step["function"]) + 3))


def _data(transition: dict[str, Any], taken: int) -> str:
    """What belongs to a change; an error in full."""
    data = transition["data"]
    if data is None:
        return ""
    failed = transition["phase"].endswith(("faulted", "incident.opened")) and isinstance(data, dict)
    return f"  {reason_line(data) if failed else compact(data, taken)}"


def _step(of: dict[str, Any]) -> tuple[Any, ...]:
    return of["pointer"], of["iteration"], of["attempt"]

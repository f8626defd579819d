"""`exlify tasks`: what waits for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import connect
from streams.cli._ids import task_path
from streams.cli._moments import TO_COME, moment, utc_option
from streams.cli._output import bold, echo, json_option, person, print_fields, print_json, print_page, status
from streams.cli._repairs import json_or_file
from streams.processors.human.fields import FIELDS, OPEN, Field, Place


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify tasks                                         the open ones
  exlify tasks list --team credit --status completed
  exlify tasks show TASK
  exlify tasks claim TASK                              nobody else answers it for half an hour
  exlify tasks delegate TASK bo                        so that bo answers it, and nobody else for a day
  exlify tasks comment TASK "waits for the bank"       for whoever looks at it next
  exlify tasks complete TASK --outcome approve --data '{"note": "called back"}'
""",
)
@json_option
@utc_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, show, claim and complete human tasks."""
    if context.invoked_subcommand is None:
        context.invoke(list_tasks, as_json=as_json)


def _filters(function: Callable[..., None]) -> Callable[..., None]:
    """An option for every field that a list can be narrowed to."""
    for field in reversed([each for each in FIELDS if each.filter]):
        kind = click.Choice(field.values) if field.values else None
        default = OPEN if field.name == "status" else None
        add = click.option(
            f"--{field.label}", field.name, type=kind, default=default, show_default=True, help=field.filter
        )
        function = add(function)
    return function


@command.command("list")
@_filters
@click.option("--overdue", flag_value="true", help="Only those that are overdue.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@json_option
@utc_option
def list_tasks(as_json: bool, **query: Any) -> None:
    """List tasks, oldest first."""
    page = connect().get("/v1/tasks", **query)
    if as_json:
        print_json(page)
        return
    columns = [field for field in FIELDS if field.place is Place.TABLE]
    print_page(
        [field.label.upper() for field in columns],
        ([_cell(field, each) for field in columns] for each in page["tasks"]),
        page["next"],
        ids=["TASK"],
        spare=["KEY", "SINCE", "STATUS"],
        whole=["TASK", "DUE"],
    )


@command.command()
@click.argument("task")
@json_option
@utc_option
def show(task: str, as_json: bool) -> None:
    """Show TASK with its form and what it is about."""
    client = connect()
    found = client.get(task_path(client, task))
    print_json(found) if as_json else _print(found)


@command.command()
@click.argument("task")
@click.option("--outcome", required=True, help="One of the task's outcomes.")
@click.option("--data", help="The answer's data as JSON, or @FILE.")
@click.option("--undo-until", type=TO_COME, help="30s, 5m, or a time: until then `tasks undo` takes the answer back.")
@as_option("acts")
@click.option("--version", type=int, help="Version of the task that was looked at; refused if it has changed since.")
@json_option
def complete(
    task: str,
    outcome: str,
    data: str | None,
    undo_until: str | None,
    actor: str | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Answer TASK."""
    answer: dict[str, Any] = {"outcome": outcome}
    if data is not None:
        answer["data"] = json_or_file(data, "--data")
    if version is not None:
        answer["expected_version"] = version
    if undo_until is not None:
        answer["undo_until"] = undo_until
    _act(task, "complete", answer, actor, as_json)


@command.command()
@click.argument("task")
@click.option("--until", type=TO_COME, help="30m, 2h, or a time. Default: half an hour, or what the gateway is set to.")
@as_option("acts")
@json_option
@utc_option
def claim(task: str, until: str | None, actor: str | None, as_json: bool) -> None:
    """Keep TASK for yourself: nobody else can answer it, until the claim ends or you release it."""
    _act(task, "claim", _until(until), actor, as_json)


@command.command()
@click.argument("task")
@click.argument("to")
@click.option("--until", type=TO_COME, help="30m, 2h, or a time. Default: a day.")
@as_option("acts")
@json_option
@utc_option
def delegate(task: str, to: str, until: str | None, actor: str | None, as_json: bool) -> None:
    """Give TASK to the colleague TO, as if they had claimed it. Not where somebody else has claimed it."""
    _act(task, "delegate", {"to": to, **_until(until)}, actor, as_json)


@command.command()
@click.argument("task")
@as_option("acts")
@json_option
@utc_option
def release(task: str, actor: str | None, as_json: bool) -> None:
    """Let go of TASK."""
    _act(task, "release", {}, actor, as_json)


@command.command("put-aside")
@click.argument("task")
@click.option("--until", type=TO_COME, help="30m, 2h, or a time. Default: a day.")
@as_option("acts")
@json_option
@utc_option
def put_aside(task: str, until: str | None, actor: str | None, as_json: bool) -> None:
    """Let go of TASK, and let it come last until a time. When it is due does not change."""
    _act(task, "put-aside", _until(until), actor, as_json)


@command.command()
@click.argument("task")
@as_option("acts")
@json_option
@utc_option
def undo(task: str, actor: str | None, as_json: bool) -> None:
    """Take your answer to TASK back, as long as it does not count."""
    _act(task, "undo", {}, actor, as_json)


@command.command()
@click.argument("task")
@click.argument("text")
@as_option("notes it")
@json_option
def comment(task: str, text: str, actor: str | None, as_json: bool) -> None:
    """Note TEXT about TASK, whoever works on it; `exlify tasks show` and the console have it."""
    _act(task, "comment", {"text": text}, actor, as_json, "noted")


def _until(given: str | None) -> dict[str, str]:
    return {} if given is None else {"until": given}


def _act(task: str, verb: str, wish: dict[str, Any], actor: str | None, as_json: bool, done: str = "") -> None:
    """Does it, and tells how the task stands then."""
    client = connect()
    code, found = client.post_json(f"{task_path(client, task)}/{verb}", {**wish, "actor": acting(actor)})
    if as_json:
        print_json(found)
    elif code == 202:
        echo("taken note of; `exlify tasks show` tells what became of it")
    elif done:
        echo(done)
    elif found["outcome"]:
        later = f"; can be taken back until {moment(found['settles_at'])}" if found["settles_at"] else ""
        echo(status(found["status"]), f": {found['outcome']}, by {person(found['completed_by'])}{later}")
    elif found["assignee"]:
        echo(f"claimed by {person(found['assignee'])}, until {moment(found['assigned_until'])}")
    elif found["aside_until"]:
        echo(f"put aside until {moment(found['aside_until'])}")
    else:
        echo(status(found["status"]), ": claimed by nobody")


def _is_unsaid(value: object) -> bool:
    return value is None or value is False  # what a task is not, nobody has to be told


def _print(task: dict[str, Any]) -> None:
    lines = [field for field in FIELDS if field.place is not Place.DETAIL]
    print_fields((field.label, _cell(field, task)) for field in lines if not _is_unsaid(task[field.shown]))
    for field in FIELDS:
        if field.place is Place.DETAIL and task[field.shown] not in (None, []):
            echo(bold(field.label))
            print_json(task[field.shown])


def _cell(field: Field, task: dict[str, Any]) -> Any:
    """A field of a task for people."""
    value = task[field.shown]
    if field.name == "status":
        return status(value)
    if field.name == "due_ms":
        return moment(value) + (" OVERDUE" if task["overdue"] else "")
    if field.name in ("completed_by", "assignee"):
        return person(value)
    if field.shown != field.name:
        return moment(value)
    return ", ".join(value) if isinstance(value, list) else value

"""`exlify tasks`: what waits for people."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from streams.cli._client import connect
from streams.cli._output import json_option, moment, print_fields, print_json, print_page, status
from streams.ground.errors import UsageError

STATUSES = ("open", "completed", "cancelled")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify tasks                                         the open ones
  exlify tasks list --team credit --status completed
  exlify tasks show TASK
  exlify tasks complete TASK --outcome approve --data '{"note": "called back"}'
""",
)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, show and complete human tasks."""
    if context.invoked_subcommand is None:
        context.invoke(list_tasks, as_json=as_json)


@command.command("list")
@click.option("--team", help="Team that is asked.")
@click.option("--status", "wanted", type=click.Choice(STATUSES), default="open", show_default=True, help="Status.")
@click.option("--workflow", help="Name of the workflow.")
@click.option("--instance", help="Instance that waits.")
@click.option("--key", help="Business key of the case.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@json_option
def list_tasks(
    team: str | None = None,
    wanted: str = "open",
    workflow: str | None = None,
    instance: str | None = None,
    key: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
    as_json: bool = False,
) -> None:
    """List tasks, oldest first."""
    page = connect().get(
        "/v1/tasks",
        team=team,
        status=wanted,
        workflow=workflow,
        instance_id=instance,
        business_key=key,
        limit=limit,
        cursor=cursor,
    )
    if as_json:
        print_json(page)
        return
    print_page(
        ("TASK", "TEAM", "TITLE", "STATUS", "KEY", "SINCE", "DUE"),
        (
            (
                each["task_id"],
                each["team"],
                each["title"],
                status(each["status"]),
                each["business_key"],
                moment(each["created_at"]),
                moment(each["due"]) + (" OVERDUE" if each["overdue"] else ""),
            )
            for each in page["tasks"]
        ),
        page["next"],
    )


@command.command()
@click.argument("task")
@json_option
def show(task: str, as_json: bool) -> None:
    """Show TASK with its form and what it is about."""
    found = connect().get(_path(task))
    print_json(found) if as_json else _print(found)


@command.command()
@click.argument("task")
@click.option("--outcome", required=True, help="One of the task's outcomes.")
@click.option("--data", help="The answer's data as JSON, or @FILE.")
@click.option("--as", "actor", help="Who answers. Default: the user of this system.")
@click.option("--version", type=int, help="Version of the task that was looked at; refused if it has changed since.")
@json_option
def complete(task: str, outcome: str, data: str | None, actor: str | None, version: int | None, as_json: bool) -> None:
    """Answer TASK."""
    import getpass

    answer: dict[str, Any] = {"outcome": outcome, "actor": actor or getpass.getuser()}
    if data is not None:
        answer["data"] = _json(data)
    if version is not None:
        answer["expected_version"] = version
    code, found = connect().post_json(f"{_path(task)}/complete", answer)
    if as_json:
        print_json(found)
    elif code == 202:
        click.echo("taken note of; `exlify tasks show` tells what became of it")
    else:
        click.echo(f"{status(found['status'])}: {found['outcome']}, by {found['completed_by']}")


def _print(task: dict[str, Any]) -> None:
    print_fields(
        (
            ("task", task["task_id"]),
            ("title", task["title"]),
            ("team", task["team"]),
            ("status", status(task["status"]) + (" OVERDUE" if task["overdue"] else "")),
            ("version", task["version"]),
            ("key", task["business_key"]),
            ("outcomes", ", ".join(task["outcomes"])),
            ("due", task["due"] and moment(task["due"])),
            ("outcome", task["outcome"]),
            ("answered by", task["completed_by"]),
        )
    )
    for name in ("input", "form", "data"):
        if task[name] is not None:
            click.echo(f"{click.style(name, bold=True)}\n{json.dumps(task[name], indent=2, ensure_ascii=False)}")


def _path(task: str) -> str:
    return f"/v1/tasks/{quote(task, safe='/')}"


def _json(text: str) -> Any:
    try:
        if text.startswith("@"):
            with open(text[1:], encoding="utf-8") as file:
                return json.load(file)
        return json.loads(text)
    except OSError as error:
        raise UsageError(f"--data: {text[1:]} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f'--data is no JSON ({error}); write it as \'{{"name": "value"}}\' or @FILE') from None

"""`exlify alerts`: what nobody has mended in time, who is told of it, and who takes it on."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import connect
from streams.cli._ids import alert_path
from streams.cli._moments import TO_COME, moment, utc_option
from streams.cli._output import echo, json_option, person, print_fields, print_json, print_page, print_table, status
from streams.ground.errors import UsageError

why_option = click.option("--why", required=True, help="Why, in a few words; it is kept, so no personal data.")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify alerts                                        the open ones
  exlify alerts show 8f14
  exlify alerts ack 8f14 --why "calling the bank"
  exlify alerts silence 8f14 --until 2h --why "maintenance until noon"
  exlify alerts channels                               what channels.yaml says
""",
)
@json_option
@utc_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at alerts; take one on, or let nobody be told of it for a while."""
    if context.invoked_subcommand is None:
        context.invoke(list_alerts, as_json=as_json, status="open")


@command.command("list")
@click.option("--status", type=click.Choice(["open", "closed"]), help="Only these.")
@click.option(
    "--kind",
    help="Its cause: incident, task, letter, model, breaker, deadline, delivery, unhosted, idle or position.",
)
@click.option("--severity", type=click.Choice(["warning", "critical"]), help="How grave it is.")
@click.option("--workflow", help="Name of the workflow.")
@click.option("--owner", help="The team that is responsible.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", help="Where the list before ended (`next` in its JSON).")
@json_option
@utc_option
def list_alerts(as_json: bool, **query: Any) -> None:
    """List alerts, the newest first."""
    page = connect().get("/v1/alerts", **query)
    if as_json:
        print_json(page)
        return
    print_page(
        ("ALERT", "SEVERITY", "WHAT", "CAUSES", "SINCE", "STATUS", "TAKEN BY"),
        (
            (
                each["alert_id"],
                each["severity"],
                each["title"],
                each["count"],
                moment(each["since"]),
                status(each["status"]),
                each["acknowledged_by"],
            )
            for each in page["alerts"]
        ),
        page["next"],
        ids=["ALERT"],
        spare=["TAKEN BY", "STATUS"],
        whole=["ALERT", "SINCE"],
    )


@command.command()
@click.argument("alert")
@json_option
@utc_option
def show(alert: str, as_json: bool) -> None:
    """Show ALERT, who is told of it, and what became of each notice."""
    client = connect()
    _print(client.get(alert_path(client, alert)), as_json)


@command.command()
@click.argument("alert")
@why_option
@as_option("sees to it")
@json_option
@utc_option
def ack(alert: str, why: str, actor: str | None, as_json: bool) -> None:
    """Take ALERT on: nobody else is told of it until it has ended and begins again."""
    _decide(alert, "ack", {"why": why, "actor": acting(actor)}, as_json)


@command.command()
@click.argument("alert")
@click.option("--until", type=TO_COME, help="2h, 30m, or a time such as 2026-01-31T12:00:00Z.")
@click.option("--off", is_flag=True, help="People are told of it again.")
@why_option
@as_option("asks")
@json_option
@utc_option
def silence(alert: str, until: str | None, off: bool, why: str, actor: str | None, as_json: bool) -> None:
    """Let nobody be told of ALERT for a while, also if it ends and begins again meanwhile."""
    if (until is None) != off:
        raise UsageError("Give either --until with a time, or --off.")
    wish = {"why": why, "actor": acting(actor), **({"until": until} if until else {})}
    _decide(alert, "silence", wish, as_json)


@command.command()
@json_option
def channels(as_json: bool) -> None:
    """Show what channels.yaml of the site folder here says; a fault is told with its place."""
    from streams.catalogue import load_settings
    from streams.ground.site import Site
    from streams.processors.escalate.plan import FILE, read_plan

    plan = Site(load_settings().site_dir).file(FILE, read_plan).value
    ladders: dict[str, list[str]] = {name: [] for name in plan.channels}
    for rule in plan.rules:
        for number, rung in enumerate(rule.ladder, 1):
            for name in rung.tell:
                ladders[name].append(f"{rule.cause} {number}")
    found = [{"name": each.name, "kind": each.kind, "told": ladders[each.name]} for each in plan.channels.values()]
    if as_json:
        print_json({"channels": found})
    else:
        rows = ((each["name"], each["kind"], ", ".join(each["told"])) for each in found)
        print_table(("CHANNEL", "KIND", "TOLD OF, BY RUNG"), rows)
        if not found:
            echo("There are none: nobody is told of alerts.", err=True)


def _decide(alert: str, verb: str, wish: dict[str, Any], as_json: bool) -> None:
    client = connect()
    code, found = client.post_json(f"{alert_path(client, alert)}/{verb}", wish)
    _print(found, as_json)
    if code == 202:
        echo("Taken note of, but it is not known yet what became of it: exlify alerts show.", err=True)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    silenced, taken_at = found["silenced_until"], found["acknowledged_at"]
    print_fields(
        (
            ("alert", found["alert_id"]),
            ("what", found["title"]),
            ("newest", found["detail"]),
            ("severity", found["severity"]),
            ("status", status(found["status"])),
            ("causes", f"{found['count']} now, {found['total']} in all"),
            ("workflow", found["workflow"]),
            ("owner", found["owner"]),
            ("instance", found["instance_id"]),
            ("since", moment(found["since"])),
            ("opened", moment(found["opened_at"])),
            ("ended", moment(found["closed_at"]) if found["closed_at"] else None),
            ("taken by", person(found["acknowledged_by"])),
            ("  on", moment(taken_at) if taken_at else None),
            ("silenced until", moment(silenced) if silenced else None),
            ("why", found["why"]),
            ("next told", moment(found["next"]) if found["next"] else None),
            *(("told", _notice(each)) for each in found["notices"]),
        )
    )


def _notice(notice: dict[str, Any]) -> str:
    more = [f"again {moment(notice['due'])}"] if notice["status"] == "waiting" else []
    more += [each for each in (notice["reason"], notice["reference"]) if each]
    return f"{moment(notice['at'])}  {notice['channel']}, {notice['event']}: {notice['status']}" + (
        f" ({', '.join(more)})" if more else ""
    )

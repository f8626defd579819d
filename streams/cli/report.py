"""`exlify report`: how workflows, and the decisions of models, do."""

from __future__ import annotations

from typing import Any

import click

from streams.cli._client import connect
from streams.cli._moments import PAST, length, moment, utc_option
from streams.cli._output import echo, json_option, print_json, print_table


@click.command(
    epilog="""\b
Examples:
  exlify report
  exlify report --since 7d
  exlify report --since 30d --json
"""
)
@click.option("--since", type=PAST, default="1d", show_default=True, help="Instances begun since: 12h, 7d, or a time.")
@utc_option
@json_option
def command(since: str, as_json: bool) -> None:
    """Tell how workflows do, by version.

    How many instances began and how they ended; which share of the completed asked nobody (AUTOMATED) and had nothing
    to mend (RIGHT); how long they took; what one costs, as declared; which share of their time they worked and waited.
    Of models of whose decisions some were audited: how many were wrong, and what is allowed.

    The console has the same with charts, at /report.
    """
    found = connect().get("/v1/report", since=since)
    if as_json:
        print_json(found)
        return
    echo(f"Instances that began since {moment(found['since'])}")
    head = ("WORKFLOW", "VERSION", "BEGAN", "OPEN", "COMPLETED", "FAULTED", "CANCELLED", "AUTOMATED", "RIGHT", "MEDIAN",
            "95 % WITHIN", "COST", "WORKED", "WAITED")  # fmt: skip
    print_table(head, map(_row, found["workflows"]), spare=["CANCELLED", "95 % WITHIN"], whole=["AUTOMATED", "RIGHT"])
    if not found["workflows"]:
        echo("There are none.", err=True)
    if found["models"]:
        echo()
        print_table(
            ("MODEL", "VERSION", "ROUTE", "AUDITS", "WRONG", "ERROR", "ALLOWED", "AUDITS SAY"),
            map(_model, found["models"]),
        )


def _model(each: dict[str, Any]) -> tuple[Any, ...]:
    names = (each[name] for name in ("model", "version", "route", "audits", "wrong"))
    return (
        *names,
        _percent(each["error_rate"]),
        _percent(each["target"]),
        "alarm" if each["alarmed"] else "well",
    )


def _row(each: dict[str, Any]) -> tuple[Any, ...]:
    counts = (each[name] for name in ("started", "open", "completed", "faulted", "cancelled"))
    rates = (_percent(each[name]) for name in ("automation_rate", "first_time_right_rate"))
    times = (length(each[name]) for name in ("median_ms", "slow_ms"))
    cost = f"{each['cost_per_case']:.2f}" if each["cost_per_case"] else None
    lives = each["working_ms"] + each["waiting_ms"]
    worked = each["working_ms"] / lives if lives else None
    shares = (_percent(worked), _percent(None if worked is None else 1 - worked))
    return each["workflow"], each["version"], *counts, *rates, *times, cost, *shares


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"

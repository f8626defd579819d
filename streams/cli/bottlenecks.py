"""`exlify bottlenecks`: where the time of a workflow's instances goes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from streams.cli._client import connect
from streams.cli._moments import PAST, length
from streams.cli._output import bold, echo, json_option, print_json, print_table
from streams.ground.spans import span
from streams.processors.orchestrate.ways import WORDS

LEAST = 0.0005  # share of a row that is shown


@click.command(
    epilog="""\b
Examples:
  exlify bottlenecks customer-onboarding
  exlify bottlenecks customer-onboarding --since 7d --version 1.2.0
  exlify bottlenecks customer-onboarding --json | jq '.versions[].by'
"""
)
@click.argument("workflow")
@click.option("--version", "definition_version", help="Version of the definition.")
@click.option("--since", type=PAST, help="Instances started since: 12h, 7d, or a time such as 2026-01-31T12:00:00Z.")
@click.option(
    "--limit", type=click.IntRange(1, 5_000), default=500, show_default=True, help="How many of the newest to look at."
)
@json_option
def command(workflow: str, definition_version: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """Tell where the time of instances of WORKFLOW goes: by version and step, with the share of the whole.

    Told from the histories of the newest instances. Those that have not ended count as far as they have come. Where
    steps run side by side, they share the time evenly. "A worker" is what a call or an own step has waited for until a
    worker had a place for it: more workers, or wider limits, spare that.
    """
    found = connect().get(
        f"/v1/workflows/{quote(workflow, safe='')}/bottlenecks",
        version=definition_version,
        since=since,
        limit=limit,
    )
    if as_json:
        print_json(found)
        return
    for number, version in enumerate(found["versions"]):
        _print(workflow, version, gap=number > 0)
    if not found["versions"]:
        echo("There are no instances to look at.", err=True)
    elif found["looked_at"] < found["matching"]:
        echo(f"Looked at {found['looked_at']:,} of {found['matching']:,} instances, the newest.", err=True)


def _print(workflow: str, version: dict[str, Any], *, gap: bool) -> None:
    if gap:
        echo()
    whole = version["elapsed_ms"] or 1
    count = version["instances"]
    lives = f"{count:,} instance{'s' if count != 1 else ''}, {span(version['elapsed_ms'])} in all"
    echo(bold(f"{workflow} {version['version']}"), f": {lives}")
    parts = sorted(version["by"].items(), key=lambda item: -item[1])
    echo(", ".join(f"{WORDS[way]} {took / whole:.1%}" for way, took in parts if took / whole >= LEAST) or "no time")
    if version["cost"]:
        dear = sorted((step for step in version["steps"] if step["cost"]), key=lambda step: -step["cost"])
        steps = ", ".join(f"{step['name']} {step['cost'] / count:.2f}" for step in dear)
        echo(f"an instance costs {version['cost'] / count:.2f}, as declared: {steps}")
    rows = [
        (
            step["name"] or "(between steps)",
            WORDS[way],
            f"{took / whole:.1%}",
            span(took),
            step["times"] + step["open"],
            length(step["median_ms"]),
            length(step["slow_ms"]),
        )
        for step in version["steps"]
        for way, took in step["by"].items()
        if took / whole >= LEAST
    ]
    rows.sort(key=lambda row: -float(row[2].rstrip("%")))
    print_table(
        ("STEP", "GOES TO", "SHARE", "TIME", "TIMES", "MEDIAN", "95 % WITHIN"), rows, whole=["SHARE", "GOES TO"]
    )

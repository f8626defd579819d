"""`exlify graph`: a workflow as a picture, or where an instance is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli._definition_files import definition_of
from streams.cli._output import print_text

if TYPE_CHECKING:
    from streams.console.account import Account
    from streams.language.graph import Graph

INSTANCE = re.compile(r"[0-9a-f]{32}")
FORMATS = ("svg", "mermaid")


@click.command(
    epilog="""\b
Examples:
  exlify graph order.yaml > order.svg
  exlify graph order.yaml --format mermaid
  exlify graph 8f14e45fceea167a5a36dedd4bea2543 --output path.svg     the path of an instance
"""
)
@click.argument("what", metavar="FILE|INSTANCE")
@click.option("--format", "form", type=click.Choice(FORMATS), default="svg", show_default=True, help="How it is drawn.")
@click.option("--narrow", is_flag=True, help="Branches below each other instead of side by side; SVG only.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: the output.")
def command(what: str, form: str, narrow: bool, output: Path | None) -> None:
    """Draw a workflow, or the path of an instance through it."""
    from streams.console.account import Account
    from streams.ground.errors import UsageError

    graph, account = _of_instance(what) if INSTANCE.fullmatch(what) else (_of_file(what), Account())
    text = _mermaid(graph) if form == "mermaid" else _svg(graph, account, narrow)
    if output is None:
        print_text(text)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise UsageError(f"--output: {output} cannot be written ({error.strerror})") from None


def _svg(graph: Graph, account: Account, narrow: bool) -> str:
    from streams.console.diagram.layout import layout
    from streams.console.diagram.outline import outline
    from streams.console.diagram.path import passed, states
    from streams.console.diagram.svg import Told, svg
    from streams.runtime.clock import now_ms

    listing = outline(graph)
    ended = any(step.ended_ms is not None for step in account.steps) and account.output is not None
    told = Told(
        states=states(account, now_ms()),
        passed=passed(listing, account),
        ended=ended,
        alone=True,
        title=f"Diagram of {graph.name}",
    )
    return f"{svg(layout(listing, narrow=narrow), told)}\n"


def _mermaid(graph: Graph) -> str:
    from streams.console.diagram.mermaid import mermaid
    from streams.console.diagram.outline import outline

    return mermaid(outline(graph))


def _of_file(name: str) -> Graph:
    from schemas.functions import WithAssumed
    from streams.catalogue import FUNCTIONS
    from streams.ground.errors import UsageError
    from streams.language import DefinitionError, load

    try:
        return load(definition_of(Path(name)), name, WithAssumed(FUNCTIONS))
    except DefinitionError as error:
        raise UsageError("\n".join(str(fault) for fault in error.faults)) from None


def _of_instance(instance: str) -> tuple[Graph, Account]:
    """An instance on the definition that it started on, with all pages of its history."""
    from schemas.functions import WithAssumed
    from streams.catalogue import FUNCTIONS
    from streams.cli._client import connect
    from streams.console.account import account
    from streams.language import load

    client = connect()
    found = client.get(f"/v1/instances/{instance}")
    written = client.get(f"/v1/definitions/{found['digest']}")["yaml"]
    graph = load(written, found["workflow"], WithAssumed(FUNCTIONS))
    entries, following = list(found["history"]), found["next"]
    while following is not None:
        page = client.get(f"/v1/instances/{instance}", after=following)
        entries += page["history"]
        following = page["next"]
    return graph, account([_entry(each) for each in entries], graph)


def _entry(shown: dict[str, Any]) -> Any:
    """An entry of history as the interface shows it, for the account."""
    from schemas.cloudevents import parse_time_ms
    from schemas.payload import Payload
    from streams.console.account import Entry

    transitions = [
        {**each, "data": None if each["data"] is None else Payload.inside(json.dumps(each["data"]).encode())}
        for each in shown["transitions"]
    ]
    at_ms = parse_time_ms(shown["at"])
    return Entry(seq=shown["seq"], at_ms=at_ms, status=shown["status"], cause="", caused_by={}, transitions=transitions)

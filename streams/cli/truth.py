"""`exlify truth`: tells what would have been right in cases that were decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from streams.cli._actor import acting, as_option
from streams.cli._client import connect
from streams.cli._models import FILE, rows
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import UsageError

AT_ONCE = 1_000


@click.group(
    epilog="""\b
Examples:
  exlify truth import repaid.csv
  exlify truth import repaid.csv --source ledger --id decision --label was_right
"""
)
def command() -> None:
    """Tell what would have been right in cases that were decided, as it turns out later."""


@command.command("import")
@click.argument("file", type=FILE)
@click.option("--id", "identity", default="decision_id", show_default=True, help="Column of the decision's id.")
@click.option("--label", default="label", show_default=True, help="Column of the route that would have been right.")
@click.option("--at", default="at", show_default=True, help="Column of the time at which it turned out; may be absent.")
@click.option("--source", default="import", show_default=True, help="Where it comes from, for the record.")
@as_option("tells it")
@json_option
def import_truth(file: Path, identity: str, label: str, at: str, source: str, actor: str | None, as_json: bool) -> None:
    """Read FILE, CSV with a line of names, and tell it to the monitor.

    The same file once more counts nothing twice. What contradicts an earlier label is kept, and counts for nothing.
    """
    found = rows(file)
    for name in (identity, label):
        if name not in found.columns:
            raise UsageError(f"{file}: there is no column {name!r}; there are {', '.join(found.columns)}")
    told = list(_told(file, found.cases, (identity, label, at), {"source": source, "actor": acting(actor)}))
    client, taken = connect(), 0
    for start in range(0, len(told), AT_ONCE):
        taken += client.post_json("/v1/truth", {"truths": told[start : start + AT_ONCE]})[1]["taken"]
    if as_json:
        print_json({"taken": taken})
    else:
        echo(f"{taken} taken note of. How models do: exlify models watch")


def _told(
    file: Path, cases: list[dict[str, Any]], columns: tuple[str, str, str], same: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    identity, label, at = columns
    for number, case in enumerate(cases, 2):
        if case.get(identity) is None or case.get(label) is None:
            raise UsageError(f"{file}: row {number} has no {identity if case.get(identity) is None else label}")
        time = {} if case.get(at) is None else {"at": str(case[at])}
        yield {"decision_id": str(case[identity]), "label": _text(case[label]), **same, **time}


def _text(value: Any) -> str:
    """A whole number as such, whatever a table of numbers has made of it."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

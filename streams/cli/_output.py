"""How commands print: JSON for machines, aligned lines for people, colours on terminals only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

COLOURS = {
    "completed": "green",
    "running": "cyan",
    "waiting": "yellow",
    "open": "yellow",
    "faulted": "red",
    "incident": "red",
    "cancelled": "magenta",
}

json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON."
)


def print_json(value: Any) -> None:
    """One indented document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_line(value: Any) -> None:
    """One line of JSON, for streams of them."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def status(text: str) -> str:
    """A status in its colour."""
    return click.style(text, fg=COLOURS.get(text))


def moment(rfc3339: str | None) -> str:
    """A time for people: `2026-01-31 08:30:00`, in UTC."""
    return rfc3339[:19].replace("T", " ") if rfc3339 else "-"


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns, left aligned; styled cells count by what is seen of them."""
    table = [[str(cell if cell is not None else "-") for cell in row] for row in rows]
    widths = [max(len(click.unstyle(row[index])) for row in [list(head), *table]) for index in range(len(head))]
    click.echo(click.style(_row(list(head), widths), bold=True))
    for row in table:
        click.echo(_row(row, widths))


def print_page(head: Sequence[str], rows: Iterable[Sequence[Any]], cursor: str | None) -> None:
    """A table, and how to see what comes after it."""
    print_table(head, rows)
    if cursor:
        click.echo(f"There are more: --cursor {cursor}", err=True)


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Names and values below each other; what is None is left out."""
    shown = [(name, value) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}")


def compact(value: Any, limit: int = 100) -> str:
    """JSON in one line, cut off."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()

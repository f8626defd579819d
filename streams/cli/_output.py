"""How commands print: JSON for machines, aligned lines for people, colours on terminals that want them.

Nothing else in this package prints (a test says so), so no text from outside reaches a terminal as it is.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import click

from streams.cli._fit import GAP, fitted, line, width
from streams.ground.terminal import has_colours, visible, visible_json, visible_lines

COLOURS = {
    "completed": "green",
    "running": "cyan",
    "waiting": "yellow",
    "open": "yellow",
    "paused": "yellow",
    "suspended": "yellow",
    "retired": "magenta",
    "faulted": "red",
    "incident": "red",
    "undoing": "yellow",
    "cancelled": "magenta",
}

json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON."
)


@dataclass(frozen=True)
class Styled:
    """Text in a style of ours."""

    text: str
    colour: str | None = None
    bold: bool = False

    def __str__(self) -> str:
        return self.text


def bold(text: str) -> Styled:
    """Text that stands out."""
    return Styled(text, bold=True)


def status(text: str) -> Styled:
    """A status in its colour."""
    return Styled(text, COLOURS.get(text))


def person(name: str | None) -> str | None:
    """Somebody as they named themselves: nothing proves it yet."""
    return f"{name} (unverified)" if name is not None else None


def echo(*parts: object, err: bool = False) -> None:
    """One line of these parts, one behind the other; what is not visible in them is escaped."""
    stream = sys.stderr if err else sys.stdout
    coloured = has_colours(stream)
    click.echo("".join(_shown(part, coloured) for part in parts), file=stream, color=coloured)


def print_json(value: Any) -> None:
    """One indented document."""
    print_document(json.dumps(value, indent=2, ensure_ascii=False))


def print_line(value: Any) -> None:
    """One line of JSON, for streams of them."""
    print_document(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def print_text(text: str) -> None:
    """Lines that are written already."""
    click.echo(visible_lines(text), file=sys.stdout, nl=False)


def print_document(document: str) -> None:
    """JSON that is written already."""
    click.echo(visible_json(document), file=sys.stdout)


def print_refusal(error: click.ClickException) -> None:
    """What Click has to say about a command line."""
    told = io.StringIO()
    error.show(told)
    click.echo(visible_lines(told.getvalue()), file=sys.stderr, nl=False)


def print_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A stack trace, for `sys.excepthook`: the text of an exception may have come from outside."""
    click.echo(visible_lines("".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, nl=False)


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    ids: Sequence[str] = (),
    spare: Sequence[str] = (),
    whole: Sequence[str] = (),
    notes: Sequence[str | None] = (),
) -> None:
    """Columns, left aligned, as many as fit: `ids` can be shortened, `spare` left out, all but `whole` cut.

    A note stands below its row.
    """
    table = [[bold(name) for name in head], *([_cell(cell) for cell in row] for row in rows)]
    texts = [[visible(str(cell)) for cell in row] for row in table]
    columns, fit = fitted(texts, width(), *([head.index(name) for name in names] for names in (ids, spare, whole)))
    widths = [max(map(len, column)) for column in zip(*fit, strict=True)]
    for row, told, note in zip(table, fit, ["", *notes, *[None] * len(fit)], strict=False):
        echo(*_row([replace(row[column], text=text) for column, text in zip(columns, told, strict=True)], widths))
        if note:
            echo(line("  " + visible(note)))


def print_page(head: Sequence[str], rows: Iterable[Sequence[Any]], cursor: str | None, **options: Any) -> None:
    """A table, and how to see what comes after it, or that there is nothing; options as `print_table` has them."""
    table = list(rows)
    print_table(head, table, **options)
    if not table:
        echo("There are none.", err=True)
    if cursor:
        echo(f"There are more: --cursor {cursor}", err=True)


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Names and values below each other; what is None is left out."""
    shown = [(name, value) for name, value in fields if value is not None]
    most = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        echo(bold(name.ljust(most)), "  ", value)


def compact(value: Any, taken: int = 0) -> str:
    """JSON in one line, cut where a terminal ends that has `taken` columns before it."""
    return line(visible_json(json.dumps(value, ensure_ascii=False)), taken)


def _shown(part: object, coloured: bool) -> str:
    text = visible(str(part))
    return click.style(text, fg=part.colour, bold=part.bold) if coloured and isinstance(part, Styled) else text


def _cell(value: Any) -> Styled:
    return value if isinstance(value, Styled) else Styled("-" if value is None else str(value))


def _row(cells: Sequence[Styled], widths: Sequence[int]) -> Iterable[object]:
    """The cells with the blanks between them; none at the end of the line."""
    for index, (cell, most) in enumerate(zip(cells, widths, strict=True)):
        yield cell
        if any(str(following) for following in cells[index + 1 :]):
            yield " " * (most - len(visible(str(cell))) + GAP)

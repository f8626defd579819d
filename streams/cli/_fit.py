"""What fits: on a terminal lines are as wide as it is, elsewhere nothing is ever cut."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from typing import NamedTuple

GAP = 2  # blanks between columns
SHORT_ID = 12  # digits of an instance that mostly tell it from all others; where they do not, a command says so
LEAST = 8  # of a column that is made narrower

Texts = Sequence[Sequence[str]]  # of a table, by row


class Fitted(NamedTuple):
    """A table that fits: which of its columns are left, and their texts."""

    columns: list[int]
    rows: list[list[str]]


def width() -> int | None:
    """Columns of the terminal, or what COLUMNS says; None where lines may be as long as they are."""
    return shutil.get_terminal_size((0, 0)).columns or None


def cut(text: str, most: int) -> str:
    """The text, its end left out where it is longer; its first few characters always stay."""
    most = max(most, LEAST)
    return text if len(text) <= most else text[: most - 1] + "…"


def line(text: str, taken: int = 0) -> str:
    """A text, cut where it would not fit behind `taken` columns."""
    most = width()
    return text if most is None else cut(text, most - taken)


def fitted(
    table: Texts, most: int | None, ids: Collection[int] = (), spare: Sequence[int] = (), whole: Collection[int] = ()
) -> Fitted:
    """A table, its head the first row, in so many columns of a terminal.

    First the ids are shortened to digits that commands take, then columns that can be spared are left out, the first
    first, then what is widest is cut, but for what says nothing unless it is `whole`.
    """
    columns, rows = list(range(len(table[0]))), [list(row) for row in table]
    if most is None or _total(_widths(rows)) <= most:
        return Fitted(columns, rows)
    for column in ids:
        for row, text in zip(rows[1:], _shortened([row[column] for row in rows[1:]]), strict=True):
            row[column] = text
    for column in spare:
        if _total(_widths(_only(rows, columns))) > most:
            columns.remove(column)
    rows = _only(rows, columns)
    limits = _narrowed(_widths(rows), most, [number for number, column in enumerate(columns) if column not in whole])
    for row in rows:
        row[:] = [text if len(text) <= limit else cut(text, limit) for text, limit in zip(row, limits, strict=True)]
    return Fitted(columns, rows)


def _shortened(ids: Sequence[str]) -> list[str]:
    """The first digits of each; of ids of tasks of one instance, the place beside them."""
    digits = [each[:SHORT_ID] for each in ids]
    places = [each.partition("/")[2] for each in ids]
    return [
        f"{short}/{place}" if place and digits.count(short) > 1 else short
        for short, place in zip(digits, places, strict=True)
    ]


def _narrowed(widths: list[int], most: int, soft: Sequence[int]) -> list[int]:
    """The widths, the widest of the soft made narrower one by one until all fit, or none can become narrower."""
    while _total(widths) > most:
        widest = max(soft, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= LEAST:
            break
        widths[widest] -= 1
    return widths


def _widths(rows: Texts) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _only(rows: Texts, columns: Sequence[int]) -> list[list[str]]:
    return [[row[column] for column in columns] for row in rows]

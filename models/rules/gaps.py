"""Gaps of a decision table: cases for which no row holds, found before any case comes.

A table looks at a field only by its cells, so of all values of a field a few stand for all: the ends of its ranges and
what lies between them, the values that are listed, and one that is not. Every choice of these is followed, field by
field, until no row is left that may hold (a gap), or none is left to be asked. Choices that leave the same rows are
followed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isinf
from typing import Any

from models.rules.cells import Cell, Listed, Range
from models.rules.table import FIRST, Row, TableFault, rows_of

MAX_STEPS = 50_000  # of the search; a table that takes more is not told of
MAX_FIELDS = 200  # each is looked at within the one before
MAX_CELLS = 500_000  # that are asked for what leads the search
ANOTHER = "anything else"
Value = Any


def gaps(written: Any) -> list[TableFault]:
    """A case that no row decides, of a table without faults; empty where there is none, or it would take too long.

    Of a name, too: what is in its file is looked at where that is.
    """
    if isinstance(written, str):
        return []
    case = gap(rows_of(written["rows"]))
    if case is None:
        return []
    said = ", ".join(f"{field} is {_said(value)}" for field, value in case.items()) or "whatever the case is"
    row = "a last row `when: {}`" if written.get("hit", FIRST) == FIRST else "a row for it"
    return [TableFault(("rows",), f"decides nothing where {said}", f"write {row}, or leave that to people")]


def gap(rows: Sequence[Row]) -> dict[str, Value] | None:
    """A case for which no row holds: a value for each field that tells; None where none was found.

    Values are such as all cells of a field can judge: what they cannot, a person looks at.
    """
    fields = list(dict.fromkeys(field for row in rows for field, _ in row.cells))
    if len(fields) > MAX_FIELDS:
        return None
    cells = [dict(row.cells) for row in rows]
    columns = [[each.get(field) for each in cells] for field in fields]
    values = [list(_values([cell for cell in column if cell is not None])) for column in columns]
    if sum(map(len, values)) * len(rows) > MAX_CELLS:
        return None
    choices = [list(_choices(column, of)) for column, of in zip(columns, values, strict=True)]
    search = _Search(choices)
    found = search.empty((1 << len(rows)) - 1, 0)
    return None if found is None else {fields[at]: value for at, value in found}


class _Search:
    """Follows choices depth first; `choices` are, by field, what a value leaves of the rows and the value."""

    def __init__(self, choices: Sequence[Sequence[tuple[int, Value]]]) -> None:
        self._choices = choices
        self._full: set[tuple[int, int]] = set()  # places from which no gap is reached
        self._steps = 0

    def empty(self, alive: int, at: int) -> list[tuple[int, Value]] | None:
        """The values, from field `at` on, for which nothing of the rows `alive` is left."""
        if not alive:
            return []
        if at == len(self._choices) or (at, alive) in self._full:
            return None
        for left, value in self._choices[at]:
            self._steps += 1
            if self._steps > MAX_STEPS:
                return None
            found = self.empty(alive & left, at + 1)
            if found is not None:
                return [(at, value), *found]
        self._full.add((at, alive))
        return None


def _choices(column: Sequence[Cell | None], values: Sequence[Value]) -> Iterator[tuple[int, Value]]:
    """Values that stand for all of a field, each with the rows (as bits) that may hold for it."""
    cells = [(1 << number, cell) for number, cell in enumerate(column)]
    seen: set[int] = set()
    for value in values:
        held = [(bit, True if cell is None else cell.holds(value)) for bit, cell in cells]
        if any(each is None for _, each in held):
            continue
        left = sum(bit for bit, each in held if each)
        if left not in seen:
            seen.add(left)
            yield left, value


def _values(cells: Sequence[Cell]) -> Iterator[Value]:
    numbers: set[float] = set()
    texts: set[str] = set()
    kinds: set[str] = set()
    for cell in cells:
        if isinstance(cell, Range):
            kinds.add("number")
            numbers |= {end for end in (cell.low, cell.high) if not isinf(end)}
        elif isinstance(cell, Listed):
            kinds |= cell.kinds
            numbers |= {value for kind, value in cell.values if kind == "number"}
            texts |= {value for kind, value in cell.values if kind == "text"}
    if "number" in kinds:
        ends = sorted(numbers)
        yield from (ends[0] - 1, *(value for pair in pairwise(ends) for value in (pair[0], sum(pair) / 2)))
        yield from (ends[-1], ends[-1] + 1)
    if "text" in kinds:
        another = ANOTHER
        while another in texts:
            another += "!"
        yield from (*sorted(texts), another)
    if "flag" in kinds:
        yield from (True, False)


def _said(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

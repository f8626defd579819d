"""Rows of a CSV file as cases: what reads as an ordinary number is one, an empty cell is missing, all else is text."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

MAX_BYTES = 2**30
_DELIMITERS = ",;\t|"


class Rows(NamedTuple):
    """A file of cases."""

    columns: tuple[str, ...]
    cases: list[dict[str, Any]]
    sha256: str

    def column(self, name: str) -> list[Any]:
        """The values of a column; raises ValueError if there is none of the name."""
        if name not in self.columns:
            raise ValueError(f"there is no column {name!r}; there are {', '.join(self.columns)}")
        return [case.get(name) for case in self.cases]

    def without(self, names: Sequence[str]) -> Rows:
        """The rows without some of their columns."""
        kept = tuple(name for name in self.columns if name not in names)
        return Rows(kept, [{n: v for n, v in case.items() if n in kept} for case in self.cases], self.sha256)


def read_rows(path: Path) -> Rows:
    """The rows of a CSV file in UTF-8 with a line of names. Raises ValueError saying what is wrong, OSError."""
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = next(reader, [])
        columns = tuple(name.strip() for name in names)
        if not columns or len({*columns}) < len(columns) or not all(columns):
            raise ValueError("its first line does not name the columns, each differently")
        cases = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(columns):
                raise ValueError(f"line {reader.line_num} has {len(cells)} cells, the first {len(columns)}")
            pairs = zip(columns, cells, strict=True)
            cases.append({name: _value(cell) for name, cell in pairs if cell.strip()})
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    if not cases:
        raise ValueError("it has no rows")
    return Rows(columns, cases, hashlib.sha256(raw).hexdigest())


def _value(cell: str) -> Any:
    text = cell.strip()
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number) or "_" in text:
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number

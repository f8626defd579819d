"""A decision table: rows of conditions on fields, each with the route that it decides.

    hit: first                   # or unique: no two rows may hold for one case, which is checked beforehand
    rows:
      - name: too-large
        when: {amount_dm: '> 15000', purpose: {not: [A41]}}
        route: reject
        because: the bank lends no more than 15,000 DM for this

All conditions of a row have to hold; a field that a row does not name may be anything. Where the answer hangs on a
field that is missing or of another type, nothing is decided: a person looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import orjson

from models.rules.cells import FORMS, Cell, CellError, read_cell
from models.serving.held import Held, Why
from schemas.names import FILE_NAME

FIRST, UNIQUE = "first", "unique"
HITS = (FIRST, UNIQUE)
MAX_ROWS = 200
MAX_BYTES = 128 * 1024
MAX_TEXT = 500
EXAMPLE = "{rows: [{when: {amount: '> 15000'}, route: reject}]}"
WHOLE = "{rows: [{when: {amount: '> 15000'}, route: reject}, {when: {}, route: review}]}"  # without a gap

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["rows"],
    "additionalProperties": False,
    "properties": {
        "hit": {"enum": list(HITS), "description": "Which row decides; first unless given."},
        "rows": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ROWS,
            "items": {
                "type": "object",
                "required": ["when", "route"],
                "additionalProperties": False,
                "properties": {
                    "when": {"type": "object", "description": f"By field: {FORMS}."},
                    "route": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
                    "name": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
                    "because": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
                },
            },
        },
    },
}

ASKED: Mapping[str, Any] = {
    "anyOf": [SCHEMA, {"type": "string", "pattern": f"^{FILE_NAME.pattern}$", "description": "The name of a table."}]
}
"""What a definition gives: a table, or the name of one."""


class TableFault(NamedTuple):
    """What is wrong with a table, and where in it."""

    place: tuple[str | int, ...]
    what: str
    remedy: str


class TableError(ValueError):
    """A table that cannot be used; one line: place, reason, remedy."""


class Row(NamedTuple):
    """One row, made ready."""

    number: int  # from 1, as people count
    name: str
    cells: tuple[tuple[str, Cell], ...]
    route: str
    because: str

    def holds(self, values: Mapping[str, Any]) -> bool | None:
        """Whether all conditions hold; None where that hangs on fields that cannot be judged."""
        unknown = False
        for field, cell in self.cells:
            held = cell.holds(values.get(field))
            if held is False:
                return False
            unknown = unknown or held is None
        return None if unknown else True

    @property
    def called(self) -> str:
        """For people."""
        return f"row {self.number}" + (f" ({self.name})" if self.name else "")


class Ruled(NamedTuple):
    """What a table says of a case: the row that decides, or why a person must look; neither where no row holds."""

    row: Row | None
    held: tuple[Held, ...]


class Table:
    """A table that was checked. Get one by `read_table`."""

    def __init__(self, rows: tuple[Row, ...], sha256: str) -> None:
        self.rows = rows
        self.sha256 = sha256
        self.fields = tuple(dict.fromkeys(field for row in rows for field, _ in row.cells))

    def judge(self, values: Mapping[str, Any]) -> Ruled:
        """Of a unique table no two rows can hold, so that the first one is the only one."""
        for row in self.rows:
            held = row.holds(values)
            if held:
                return Ruled(row, ())
            if held is None:
                return Ruled(None, tuple(_unjudged(row, values)))
        return Ruled(None, ())

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a case that the table reads."""
        return {field: values[field] for field in self.fields if field in values}


def read_table(written: Any) -> Table:
    """The table that JSON spells out; from memory where it was read before. Raises TableError."""
    return _table(orjson.dumps(written))


def asked_faults(written: Any) -> list[TableFault]:
    """Everything that is wrong with what a definition gives, a table or the name of one; whether there is such a table
    is another question."""
    if not isinstance(written, str):
        return table_faults(written)
    named = FILE_NAME.fullmatch(written) is not None
    what = "is no name of a table: small letters, digits and hyphens"
    return [] if named else [TableFault((), what, "write table: lending-limits")]


def table_faults(written: Any) -> list[TableFault]:
    """Everything that is wrong with a table as it is written; empty where nothing is."""
    if not isinstance(written, dict):
        return [TableFault((), "is no object", f"write {EXAMPLE}")]
    faults = [TableFault((name,), "is not known", "a table has hit and rows") for name in {*written} - {"hit", "rows"}]
    if written.get("hit", FIRST) not in HITS:
        faults.append(TableFault(("hit",), "is none of first, unique", "write hit: first"))
    rows = written.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        faults.append(TableFault(("rows",), f"is no list of 1 to {MAX_ROWS} rows", f"write {EXAMPLE}"))
        return faults
    faults += [fault for index, row in enumerate(rows) for fault in _row_faults(("rows", index), row)]
    return faults or [*_together(rows_of(rows), written.get("hit", FIRST))]


@lru_cache(maxsize=256)
def _table(written: bytes) -> Table:
    if len(written) > MAX_BYTES:
        raise TableError(f"is longer than {MAX_BYTES:,} bytes. Split it.")
    table = orjson.loads(written)
    for fault in table_faults(table):
        place = "".join(f".{part}" for part in fault.place)
        raise TableError(f"{place.lstrip('.') or 'table'} {fault.what}; {fault.remedy}.")
    return Table(rows_of(table["rows"]), hashlib.sha256(written).hexdigest())


def rows_of(written: list[dict[str, Any]]) -> tuple[Row, ...]:
    """Rows without faults, as they are written, made ready."""
    return tuple(
        Row(
            number,
            each.get("name", ""),
            tuple((field, read_cell(cell)) for field, cell in each["when"].items() if cell != "-"),
            each["route"],
            each.get("because", ""),
        )
        for number, each in enumerate(written, 1)
    )


def _row_faults(place: tuple[str | int, ...], row: Any) -> Iterator[TableFault]:
    if not isinstance(row, dict):
        yield TableFault(place, "is no object", "write {when: {amount: '> 15000'}, route: reject}")
        return
    for name in row.keys() - {"when", "route", "name", "because"}:
        yield TableFault((*place, name), "is not known", "a row has when, route, name and because")
    for name in ("route", "name", "because"):
        text = row.get(name, "" if name == "route" else "-")
        if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
            yield TableFault((*place, name) if name in row else place, f"`{name}` is no text", f"write {name}: reject")
    when = row.get("when")
    if not isinstance(when, dict):
        yield TableFault(place, "`when` is no object", "write when: {amount: '> 15000'}, or when: {} for always")
        return
    for field, cell in when.items():
        try:
            if cell != "-":
                read_cell(cell)
        except CellError as error:
            yield TableFault((*place, "when", field), str(error), f"write {FORMS}")


def _together(rows: tuple[Row, ...], hit: str) -> Iterator[TableFault]:
    """Rows of which none, or more than one, could decide."""
    for one, other in combinations(rows, 2):
        first, second = dict(one.cells), dict(other.cells)
        place = ("rows", other.number - 1)
        shared = first.keys() & second.keys()
        if hit == UNIQUE and all(first[field].meets(second[field]) for field in shared):
            remedy = "tell them apart by a field, or write hit: first"
            yield TableFault(place, f"can hold for the same case as {one.called}", remedy)
        elif hit == FIRST and all(field in second and first[field].covers(second[field]) for field in first):
            yield TableFault(
                place, f"can never decide: {one.called} takes all of its cases", "remove it, or move it up"
            )


def _unjudged(row: Row, values: Mapping[str, Any]) -> Iterator[Held]:
    for field, cell in row.cells:
        if cell.holds(values.get(field)) is None:
            missing = values.get(field) is None
            why, what = (Why.MISSING, "is missing") if missing else (Why.UNKNOWN, "is nothing that it can judge")
            yield Held(why, field, f"{row.called} of the rules hangs on {field}, which {what}")

"""One row, written once: the statement of `sql.insert`, made of names and never of values.

The key is the database's own matter: a statement that names columns without a unique constraint is refused by it, so
an insert that succeeds is one that can be done twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from connectors.sql.statement import StatementError
from schemas.payload import Json

MOST_COLUMNS = 500
_NAME = re.compile(r"[^\W\d]\w{0,62}")


def insert_of(table: str, values: Mapping[str, Json], key: Sequence[str]) -> str:
    """The statement, with a parameter for each column, called as it is. Raises StatementError; quotes no data."""
    parts = table.split(".")
    if len(parts) > 2 or not all(map(_NAME.fullmatch, parts)):
        raise StatementError("table", "is no name of a table", "write it with letters, digits and _: sales.entry")
    if len(values) > MOST_COLUMNS:
        raise StatementError("values", f"are more than {MOST_COLUMNS} columns", "leave out what the row does not need")
    for place, names in (("key", key), ("values", values)):
        if not all(map(_NAME.fullmatch, names)):
            raise StatementError(place, "name what is no column", "write names with letters, digits and _")
    if any(name not in values for name in key):
        raise StatementError("key", "is a column that `values` lack", "give it a value")
    if any(type(each) in (dict, list) for each in values.values()):
        raise StatementError("values", "hold what is neither a text, a number nor a flag", "make it a text: tojson")
    columns = ", ".join(map(_quoted, values))
    marks = ", ".join(f":{name}" for name in values)
    unique = ", ".join(map(_quoted, key))
    where = ".".join(map(_quoted, parts))
    return f"INSERT INTO {where} ({columns}) VALUES ({marks}) ON CONFLICT ({unique}) DO NOTHING"


def _quoted(name: str) -> str:
    return f'"{name}"'

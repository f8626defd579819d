"""What a read model holds, to be compared, and databases as the first version made them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Column, Engine, insert, select

from streams.processors import ALL
from streams.readmodel.projection import DOCUMENT, Received, projections
from tests.support import first_layout

ROWS = projections(ALL)


def content(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table, in order of its key; JSON as data, as PostgreSQL gives it."""
    found: dict[str, list[Any]] = {}
    with engine.connect() as connection:
        for table in (each.table for each in ROWS):
            rows = connection.execute(select(table)).all()
            found[table.name] = sorted(
                (tuple(map(_plain, row, table.columns)) for row in rows), key=lambda row: row[:2]
            )
    return found


def _plain(value: Any, column: Column[Any]) -> Any:
    return orjson.loads(value) if column.type is DOCUMENT and isinstance(value, str) else value


def as_first_made(engine: Engine, received: Iterable[Received]) -> None:
    """A database of the first version that has these rows."""
    first_layout.METADATA.create_all(engine)
    messages = list(received)
    with engine.begin() as connection:
        for each in ROWS:
            table = first_layout.METADATA.tables.get(each.table.name)
            if table is None:
                continue
            rows: dict[Any, dict[str, Any]] = {}
            read = each.reader([column.name for column in table.columns])
            for message in messages:
                if message.name == each.message:
                    row = read(message)
                    before = rows.get(key := tuple(row[name] for name in each.key), row)
                    rows[key] = row | {name: before[name] for name in each.fixed}
            connection.execute(insert(table), list(rows.values()))

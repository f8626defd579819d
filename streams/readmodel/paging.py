"""Lists in pages. A page ends with a cursor, which names the last row in the order of the list, so rows that arrive
meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Engine, Select, Table, select, tuple_, union_all

from streams.ground.errors import UsageError
from streams.readmodel.projection import storable

Found = Mapping[str, Any]  # a row as the database gives it, by column
Order = tuple[Column[int], Column[str]]  # a time, and what tells rows of the same time apart

MAX_MS = 2**63 - 1  # of a column


class Page(NamedTuple):
    """Some rows of a list, and the cursor of the next page; None at the end."""

    rows: list[Found]
    next: str | None


def matching(table: Table, filters: Mapping[str, str]) -> Select[Any]:
    """The rows whose columns have these values."""
    return select(table).where(*(table.c[name] == storable(value) for name, value in filters.items()))


def beginning(query: Select[Any], column: Column[str], digits: str) -> Select[Any]:
    """Those of the rows whose id of hexadecimal digits begins so: a range, which an index finds whatever the locale."""
    return query.where(column >= digits, column <= digits + "g") if digits else query


def page(
    engine: Engine, query: Select[Any], order: Order, *, limit: int, cursor: str | None, newest_first: bool = False
) -> Page:
    """A page of what the query finds. Raises UsageError for a cursor that is none."""
    return page_of_lists(engine, [query], order, limit=limit, cursor=cursor, newest_first=newest_first)


def page_of_lists(
    engine: Engine,
    lists: Sequence[Select[Any]],
    order: Order,
    *,
    limit: int,
    cursor: str | None,
    newest_first: bool = False,
) -> Page:
    """As `page`, of what any of the queries finds, where no row is in two of them: the first rows of each are put
    together, so each may have an index of its own."""
    if cursor is not None:
        place, last = tuple_(*order), _decode_cursor(cursor)
        lists = [each.where(place < last if newest_first else place > last) for each in lists]
    first = [_first(each, order, limit + 1, newest_first) for each in lists]
    if len(first) > 1:
        together = union_all(*(select(each.subquery()) for each in first)).subquery()
        columns = tuple(together.c[column.name] for column in order)
        first = [_first(select(together), columns, limit + 1, newest_first)]
    rows = every(engine, first[0]) if first else []
    if len(rows) <= limit:
        return Page(rows, None)
    at, key = (rows[limit - 1][column.name] for column in order)
    return Page(rows[:limit], encode_cursor(at, key))


def _first(query: Select[Any], by: Sequence[ColumnElement[Any]], limit: int, newest_first: bool) -> Select[Any]:
    return query.order_by(*(each.desc() if newest_first else each for each in by)).limit(limit)


def every(engine: Engine, query: Select[Any]) -> list[Found]:
    """All rows that a query finds."""
    with engine.connect() as connection:
        found = connection.execute(query)
        names = tuple(found.keys())
        return [dict(zip(names, row, strict=True)) for row in found.all()]


def encode_cursor(at: int, key: str) -> str:
    """The cursor behind the row of this place."""
    return base64.urlsafe_b64encode(f"{at}:{key}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[int, str]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        at, _, key = text.partition(":")
        if abs(int(at)) > MAX_MS or key != storable(key):
            raise ValueError(text)
        return int(at), key
    except (binascii.Error, ValueError):
        raise UsageError("cursor: not one that a list has given; leave it out to begin again") from None

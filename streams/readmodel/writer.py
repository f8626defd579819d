"""Messages to rows: one transaction a batch, and the same rows however often a message comes.

What becomes a row, and which of two rows of one key wins, the projections say. A statement must not change a row
twice, so a batch first forgets what it would overwrite itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Engine, func, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.dml import Insert

from streams.readmodel.database import reason_of
from streams.readmodel.projection import Columns, Projection, Received


class TableError(Exception):
    """The database does not take rows of a table; `error` is what it says."""

    def __init__(self, table: str, error: SQLAlchemyError) -> None:
        super().__init__(f"table {table}: {reason_of(error)}")
        self.table = table
        self.error = error


class Writer:
    """Writes batches; holds one connection of its own for each write."""

    def __init__(self, engine: Engine, projections: Iterable[Projection]) -> None:
        self._engine = engine
        self._inserts = [_Insert(each, engine) for each in projections]

    def write(self, batch: Iterable[Received]) -> None:
        """Makes the batch visible, all of it or nothing. Raises TableError, or SQLAlchemyError where no table is at
        fault.
        """
        by_message: dict[str, list[Received]] = {}
        for each in batch:
            by_message.setdefault(each.name, []).append(each)
        with self._engine.begin() as connection:
            for insert in self._inserts:
                if rows := insert.rows(by_message.get(insert.message, ())):
                    try:
                        connection.exec_driver_sql(insert.statement, rows)
                    except SQLAlchemyError as error:
                        raise TableError(insert.table, error) from error


class _Insert:
    """The statement of a projection, as the driver takes it, and the rows that it gets of a batch."""

    def __init__(self, projection: Projection, engine: Engine) -> None:
        self.message = projection.message
        self.table = projection.table.name
        self.statement = _text(_statement(projection, engine.dialect.name), engine)
        self._when = projection.when
        self._read = projection.reader()
        self._key = itemgetter(*projection.key)
        self._order = itemgetter(*projection.newest_by) if projection.newest_by else None
        self._fixed = projection.reader(projection.fixed)

    def rows(self, messages: Iterable[Received]) -> list[Columns]:
        """The rows of messages of its kind, in their order."""
        if self._when is not None:
            messages = [each for each in messages if self._when(each.data)]
        if self._order is None:
            return [self._read(each) for each in messages]
        return [self._row(first, newest) for first, newest in self._newest(messages, self._order)]

    def _newest(self, messages: Iterable[Received], order: itemgetter[Any]) -> Iterable[tuple[Received, Received]]:
        """The first and the newest message of each key."""
        known: dict[Any, tuple[Received, Received]] = {}
        for each in messages:
            first, newest = known.get(key := self._key(each.data), (each, each))
            if order(each.data) >= order(newest.data):
                known[key] = (first, each)
        return known.values()

    def _row(self, first: Received, newest: Received) -> Columns:
        return self._read(newest) if first is newest else self._read(newest) | self._fixed(first)


def _text(statement: Insert, engine: Engine) -> str:
    """Written once: to have it written for each batch, and each value looked at, costs half as much as the rows do."""
    kind: Any = type(engine.dialect)
    dialect = kind(paramstyle="named" if engine.dialect.name == "sqlite" else "pyformat")
    return str(statement.compile(dialect=dialect))


def _statement(projection: Projection, dialect: str) -> Insert:
    """Insert, and where the key is there: only what has been missing, or all but what is kept, unless what is there is
    newer.
    """
    insert: Any = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(projection.table)
    table, fresh = projection.table, insert.excluded
    if not projection.newest_by:
        return _first(projection, insert)
    kept = (*projection.key, *projection.fixed)
    newest: Insert = insert.on_conflict_do_update(
        index_elements=list(projection.key),
        set_={column.name: fresh[column.name] for column in table.columns if column.name not in kept},
        where=tuple_(*(fresh[name] for name in projection.newest_by))
        >= tuple_(*(table.c[name] for name in projection.newest_by)),
    )
    return newest


def _first(projection: Projection, insert: Any) -> Insert:
    """The first row stays. Columns that a later version added are filled where the same message comes again."""
    table = projection.table
    added = {each.name: func.coalesce(each, insert.excluded[each.name]) for each in table.columns if each.nullable}
    if not added:
        return cast("Insert", insert.on_conflict_do_nothing())
    return cast("Insert", insert.on_conflict_do_update(index_elements=list(projection.key), set_=added))

"""Brings a database of an earlier layout up to the tables that are declared today, or says why that cannot be.

A release may add tables, columns that may be null or have a default of the server, and indexes: those are made here,
without reading a row. What is in them comes from the topics, which are read again (`filling.py`). Anything else would
need to know what the rows mean, so the start is refused instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Connection, Engine, Inspector, Table, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeEngine

from streams.readmodel.filling import FILLING, POSITIONS, again
from streams.readmodel.projection import METADATA

ATTEMPTS = 20


class MisfitError(Exception):
    """A table is not what is declared and cannot be made so; the text names the table, the column and why."""


def bring_up_to_date(engine: Engine, tables: Iterable[Table]) -> None:
    """Makes what is missing of the tables. Raises MisfitError, and SQLAlchemyError where the database is away."""
    wanted = [FILLING, POSITIONS, *tables]
    for left in reversed(range(ATTEMPTS)):
        try:
            _make(engine, wanted)
            break
        except SQLAlchemyError as error:
            if not (left and _made_meanwhile(error)):
                raise
    inspector = inspect(engine)
    for table in wanted:
        _check(inspector, table)


def _made_meanwhile(error: SQLAlchemyError) -> bool:
    """Of processes that start together all but one fail with something that they find made; they look again."""
    return any(word in str(error).lower() for word in ("already exist", "duplicate"))


def _make(engine: Engine, wanted: list[Table]) -> None:
    before = set(inspect(engine).get_table_names())
    METADATA.create_all(engine, tables=wanted)
    inspector = inspect(engine)
    if FILLING.name in before and not before.issuperset(table.name for table in wanted):
        with engine.begin() as connection:
            again(connection)
    with engine.begin() as connection:
        for table in wanted:
            there = {each["name"] for each in inspector.get_columns(table.name)}
            for column in table.columns:
                if column.name not in there:
                    _add(connection, table, column)
            for index in table.indexes:
                index.create(connection, checkfirst=True)


def _add(connection: Connection, table: Table, column: Column[Any]) -> None:
    if column.primary_key or not (column.nullable or column.server_default is not None):
        raise MisfitError(
            f"table {table.name} has no column {column.name}, which rows that are there cannot do without"
        )
    name = connection.dialect.identifier_preparer.format_table(table)
    connection.execute(
        text(f"ALTER TABLE {name} ADD COLUMN {CreateColumn(column).compile(dialect=connection.dialect)}")
    )


def _check(inspector: Inspector, table: Table) -> None:
    there = {each["name"]: each for each in inspector.get_columns(table.name)}
    for name, found in there.items():
        column = table.columns.get(name)
        if column is None:
            if not found["nullable"] and found["default"] is None:
                raise MisfitError(f"table {table.name} has a column {name} that this version does not fill")
        elif _kind(found["type"]) is not _kind(column.type.dialect_impl(inspector.bind.dialect)):
            raise MisfitError(f"column {name} of table {table.name} is of type {found['type']}")
        elif column.nullable and not found["nullable"]:
            raise MisfitError(f"column {name} of table {table.name} takes no null")
    key = inspector.get_pk_constraint(table.name)["constrained_columns"]
    if key != [column.name for column in table.primary_key]:
        raise MisfitError(f"the key of table {table.name} is {', '.join(key) or 'missing'}")


def _kind(kind: TypeEngine[Any]) -> type:
    """What Python makes of the values: int for all the widths of whole numbers that databases have."""
    try:
        return kind.python_type
    except NotImplementedError:
        return object

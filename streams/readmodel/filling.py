"""How far the topics have gone into the rows: positions that are kept beside the rows, and of which filling they are.

What a consumer group has committed says nothing about a database that was lost, emptied, or that has not been there
from the beginning. So a database knows by itself what it has read, and of a partition that it does not know it reads
everything that the topic still holds. To have all rows made again, a new filling is begun: the positions of the one
before count no longer, and what the rows hold stays until it is written again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, String, Table, Text, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from streams.readmodel.projection import METADATA, Projection

Place = tuple[str, int]  # topic and partition

FILLING = Table(
    "read_model",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row
    Column("filling", String(32), nullable=False),
    Column("layout", Text, nullable=False),  # what rows were made of, one word each
)

POSITIONS = Table(
    "read_model_positions",
    METADATA,
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("filling", String(32), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)


class OtherFillingError(Exception):
    """Rows are to be made again, or the database is another one: what is being read now leaves a gap in it."""


def begin(engine: Engine, projections: Iterable[Projection]) -> str:
    """The filling that is under way: a new one where the rows were made by a version that made less of them.

    Raises SQLAlchemyError.
    """
    ours = {word for each in projections for word in _layout(each)}
    try:
        with engine.begin() as connection:
            found = connection.execute(select(FILLING)).mappings().first()
            if found is None:
                connection.execute(insert(FILLING), {"id": 1, "filling": _new(), "layout": _joined(ours)})
            elif not ours <= (theirs := set(found["layout"].split())):
                _change(connection, found["filling"], layout=_joined(ours | theirs))
    except IntegrityError:
        pass  # another process has begun it at the same time
    return current(engine) or begin(engine, projections)


def current(engine: Engine) -> str | None:
    """The filling under way; None in a database that no view has opened yet. Raises SQLAlchemyError."""
    with engine.connect() as connection:
        return connection.execute(select(FILLING.c.filling)).scalar()


def again(connection: Connection) -> None:
    """Has all rows made again, by whoever writes them now or next. Raises SQLAlchemyError."""
    _change(connection, connection.execute(select(FILLING.c.filling)).scalar())


def positions(engine: Engine, filling: str) -> dict[Place, int]:
    """Up to where each partition is in the rows. Raises SQLAlchemyError."""
    with engine.connect() as connection:
        rows = connection.execute(select(POSITIONS).where(POSITIONS.c.filling == filling)).mappings()
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


def note(engine: Engine, filling: str, read: Mapping[Place, int]) -> None:
    """Keeps how far partitions were read. Raises OtherFillingError, SQLAlchemyError."""
    dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(POSITIONS)
    fresh = {name: statement.excluded[name] for name in ("filling", "next_offset")}
    statement = statement.on_conflict_do_update(index_elements=["topic", "partition"], set_=fresh)
    with engine.begin() as connection:
        if connection.execute(select(FILLING.c.filling)).scalar() != filling:
            raise OtherFillingError
        connection.execute(
            statement,
            [
                {"topic": topic, "partition": number, "filling": filling, "next_offset": offset}
                for (topic, number), offset in read.items()
            ],
        )


def _change(connection: Connection, old: str | None, **more: str) -> None:
    connection.execute(update(FILLING).where(FILLING.c.filling == old).values(filling=_new(), **more))


def _new() -> str:
    return uuid.uuid4().hex


def _joined(words: Iterable[str]) -> str:
    return " ".join(sorted(words))


def _layout(projection: Projection) -> Iterable[str]:
    name = projection.table.name
    return [f"{name}/{projection.edition}", *(f"{name}.{column.name}" for column in projection.table.columns)]

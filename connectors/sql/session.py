"""One statement in one transaction of one thread: guarded, bounded, and its rows as JSON values.

Until the commit an error means that nothing has changed. Only a connection that breaks during the commit leaves a
doubt, and a statement that is given up before is not committed. Rows are taken one by one, so that a result that is too
large is known before it is there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from itertools import chain
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from connectors.sql.guards import GUARDS
from connectors.sql.held import current, cut
from connectors.sql.statement import Ready
from connectors.sql.values import ValueHasNoFormError, size, to_json

ROWS_AT_ONCE = 20
_SMALL = frozenset((int, float, bool, type(None)))


class Stage(Enum):
    """How far a transaction has come."""

    CONNECT = auto()
    EXECUTE = auto()
    FETCH = auto()
    COMMIT = auto()


class TooLargeError(Exception):
    """More rows than are taken, or larger ones; the text says which."""


class AmbiguousColumnError(Exception):
    """Two columns of the result have the same name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of a result is taken."""

    rows: int
    bytes: int


@dataclass(slots=True)
class Session:
    """One statement on its way. Times are seconds of `time.monotonic`."""

    engine: Engine
    statement: Ready
    reads: bool
    ends_at: float
    bounds: Bounds
    stage: Stage = Stage.CONNECT
    _running: Any = None  # SQLite's connection, while it runs this statement
    _held: Any = None  # that of a server, from the moment when it is taken
    _given_up: bool = False
    _lock: Lock = field(default_factory=Lock)

    def run(self) -> dict[str, Any]:
        """The result as JSON; raises SQLAlchemyError, an error of this module or of `values`, or TimeoutError."""
        current.holder = self
        try:
            return self._run()
        finally:
            current.holder = None

    def left_s(self) -> float:
        """As Holder has it."""
        return self.ends_at - time.monotonic()

    def hold(self, raw: Any) -> None:
        """As Holder has it."""
        with self._lock:
            if self._given_up:
                raise TimeoutError
            self._held = raw

    def let_go(self) -> None:
        """As Holder has it."""
        with self._lock:
            self._held = None

    def give_up(self) -> bool:
        """Nobody waits any more: ends the connection. Whether the statement may be committed all the same."""
        with self._lock:
            self._given_up = True
            if self._held is not None:
                cut(self._held)
            return self.stage is Stage.COMMIT

    def _run(self) -> dict[str, Any]:
        with self.engine.connect() as connection:
            guard = GUARDS[connection.dialect.name]
            self.stage = Stage.EXECUTE
            guard(connection, self.reads, self._left_ms())
            with self._interruptible(connection), _wrapped(connection, self.statement.text):
                output = self._output(connection)
            if not self.reads:
                self._begin_commit()
                connection.commit()
            return output

    def _begin_commit(self) -> None:
        with self._lock:
            if self._given_up:
                raise TimeoutError
            self.stage = Stage.COMMIT

    def interrupt(self) -> None:
        """Stops the statement if it still runs: one that does much in a single instruction looks at no clock."""
        with self._lock:
            if self._running is not None:
                self._running.interrupt()

    def _output(self, connection: Connection) -> dict[str, Any]:
        if connection.dialect.driver == "psycopg" and self.statement.gives_rows:
            with closing(connection.connection.cursor()) as streaming:
                return self._streamed(streaming)
        if connection.dialect.driver == "pymysql" and self.statement.gives_rows:
            return self._unbuffered(connection)
        result = connection.exec_driver_sql(self.statement.text, self.statement.values)
        if not result.returns_rows:
            return {"rows": [], "count": max(result.rowcount, 0)}
        cursor: Any = result.cursor
        self.stage = Stage.FETCH
        return self._taken(_names(cursor.description), cursor)

    def _unbuffered(self, connection: Connection) -> dict[str, Any]:
        """As PyMySQL gives rows while they come in; with too many the connection goes, too, and none is waited for."""
        from pymysql.cursors import SSCursor  # an extra, which is there where there is such a connection

        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor(SSCursor)
        cursor.execute(self.statement.text, self.statement.values)
        self.stage = Stage.FETCH
        try:
            taken = self._taken(_names(cursor.description), iter(cursor.fetchone, None))
        except (TooLargeError, AmbiguousColumnError, ValueHasNoFormError):
            cursor._result.unbuffered_active = False  # else what is left is read when cursor and result are forgotten
            cursor.connection = None
            raw._force_close()
            connection.invalidate()
            raise
        cursor.close()
        return taken

    def _streamed(self, cursor: Any) -> dict[str, Any]:
        """As psycopg gives rows while they come in."""
        rows = cursor.stream(self.statement.text, self.statement.values, size=_at_once())
        try:
            first = next(rows, None)
            if first is None:
                return {"rows": [], "count": 0}
            self.stage = Stage.FETCH
            return self._taken(_names(cursor.description), chain((first,), rows))
        finally:
            rows.close()

    def _taken(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
        taken: list[dict[str, Any]] = []
        left = self.bounds.bytes
        for row in rows:
            if len(taken) == self.bounds.rows:
                raise TooLargeError(f"more than {self.bounds.rows} rows; add a LIMIT")
            record: dict[str, Any] = {}
            for name, value in zip(names, row, strict=True):
                kind = type(value)
                if kind is str:
                    left -= len(value)
                    record[name] = value
                elif kind in _SMALL:
                    record[name] = to_json(value)
                else:
                    left -= size(value)
                    record[name] = to_json(value) if left >= 0 else None
            if left < 0:
                raise TooLargeError(f"more than {self.bounds.bytes} bytes; select fewer columns or rows")
            taken.append(record)
        return {"rows": taken, "count": len(taken)}

    def _left_ms(self) -> int:
        left_ms = int(self.left_s() * 1000)
        if left_ms <= 0:
            raise TimeoutError
        return left_ms

    @contextmanager
    def _interruptible(self, connection: Connection) -> Iterator[None]:
        if connection.dialect.name != "sqlite":
            yield
            return
        with self._lock:
            self._running = connection.connection.driver_connection
        try:
            yield
        finally:
            with self._lock:  # the connection is another statement's from here on
                self._running = None


@contextmanager
def _wrapped(connection: Connection, statement: str) -> Iterator[None]:
    """Errors of the driver, also while it reads rows, as SQLAlchemy tells those of a statement."""
    dialect = connection.dialect
    assert dialect.dbapi is not None, "an engine has its driver"
    errors: Any = dialect.dbapi.Error
    try:
        yield
    except errors as error:
        broken = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        if broken:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, {}, error, errors, connection_invalidated=broken, dialect=dialect
        ) from error


def _names(description: Sequence[Sequence[Any]]) -> list[str]:
    names = [each[0] for each in description]
    if len(set(names)) < len(names):
        raise AmbiguousColumnError
    return names


@cache
def _at_once() -> int:
    """How many of PostgreSQL's rows are on their way at once; a client before 17 takes them one by one."""
    from psycopg import capabilities  # an extra, which is there where there is such a connection

    return ROWS_AT_ONCE if capabilities.has_stream_chunked() else 1

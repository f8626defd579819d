"""One statement in one transaction of one thread: guarded, bounded, and its rows as JSON values.

Until the commit an error means that nothing has changed. Only a connection that breaks during the commit leaves a
doubt.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum, auto
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Engine, TextClause, text
from sqlalchemy.exc import DBAPIError

INSTRUCTIONS_PER_CHECK = 20_000  # of SQLite's virtual machine, between two looks at the clock


class Stage(Enum):
    """How far a transaction has come."""

    CONNECT = auto()
    EXECUTE = auto()
    COMMIT = auto()


class TooManyRowsError(Exception):
    """More rows than are taken."""


class AmbiguousColumnError(Exception):
    """Two columns of the result have the same name."""


@dataclass(slots=True)
class Session:
    """One statement on its way. Times are seconds of `time.monotonic`."""

    engine: Engine
    clause: TextClause
    parameters: dict[str, Any] = field(repr=False)
    reads: bool
    ends_at: float
    max_rows: int
    stage: Stage = Stage.CONNECT

    def run(self) -> dict[str, Any]:
        """The result as JSON; raises SQLAlchemyError, an error of this module, or TimeoutError if it is too late."""
        with self.engine.connect() as connection:
            guard = _GUARDS[connection.dialect.name]
            self.stage = Stage.EXECUTE
            guard(connection, self.reads, self._left_ms())
            result = connection.execute(self.clause, self.parameters)
            output = _output(result, self.max_rows)
            if not self.reads:
                self.stage = Stage.COMMIT
                connection.commit()
            return output

    def _left_ms(self) -> int:
        left_ms = int((self.ends_at - time.monotonic()) * 1000)
        if left_ms <= 0:
            raise TimeoutError
        return left_ms


def said(error: DBAPIError) -> str:
    """The database's own words where they quote only the statement, never a value; else nothing."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith("42"):
        return str(getattr(getattr(error.orig, "diag", None), "message_primary", None) or "")
    words = str(error.orig)
    return words if words.startswith(("no such ", 'near "', "UNIQUE constraint failed: ")) else ""


def to_json(value: Any) -> Any:
    """A column's value as a JSON value; raises TypeError for types that have no form here."""
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, (datetime, date, time_of_day)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return _nested(value)


def _nested(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(name): to_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    raise TypeError(f"a column of type {type(value).__name__} has no form in JSON")


def _output(result: CursorResult[Any], max_rows: int) -> dict[str, Any]:
    if not result.returns_rows:
        return {"rows": [], "count": max(result.rowcount, 0)}
    names = list(result.keys())
    if len(set(names)) < len(names):
        raise AmbiguousColumnError
    rows = result.fetchmany(max_rows + 1)
    if len(rows) > max_rows:
        raise TooManyRowsError
    return {"rows": [dict(zip(names, map(to_json, row), strict=True)) for row in rows], "count": len(rows)}


def _guard_sqlite(connection: Connection, reads: bool, left_ms: int) -> None:
    raw: Any = connection.connection.driver_connection
    ends_at = time.monotonic() + left_ms / 1000
    raw.set_progress_handler(lambda: time.monotonic() > ends_at, INSTRUCTIONS_PER_CHECK)
    raw.execute(f"PRAGMA busy_timeout = {left_ms}")
    raw.execute(f"PRAGMA query_only = {'ON' if reads else 'OFF'}")


def _guard_postgresql(connection: Connection, reads: bool, left_ms: int) -> None:
    connection.execute(text(f"SET LOCAL statement_timeout = {left_ms}"))
    if reads:
        connection.execute(text("SET TRANSACTION READ ONLY"))


_GUARDS = {"sqlite": _guard_sqlite, "postgresql": _guard_postgresql}
DATABASES = frozenset(_GUARDS)

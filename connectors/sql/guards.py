"""What a statement may do and for how long, said to the database itself.

SQLite is asked by an authorizer, which sees what a statement comes to: a query reads the tables of its database and
nothing else, a change reaches no other file. PostgreSQL and MariaDB run a query in a transaction that cannot write.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from connectors.sql.printf import bound_printf

INSTRUCTIONS_PER_CHECK = 20_000  # of SQLite's virtual machine, between two looks at the clock
MAX_HEAP_BYTES = 512 * 1024 * 1024  # of all of SQLite in this process: what grows without becoming a value
MAX_CELL_BYTES = 32 * 1024 * 1024  # of a value or a row inside SQLite; what is read of it is bounded by the reply

# The pragmas that tell and change nothing; one that takes an argument takes the name of a table or an index.
TELLING = frozenset(
    ("application_id", "collation_list", "compile_options", "data_version", "encoding", "foreign_keys",
     "freelist_count", "function_list", "page_count", "page_size", "pragma_list", "schema_version", "user_version")
)  # fmt: skip
TELLING_OF = frozenset(
    ("foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check",
     "quick_check", "table_info", "table_list", "table_xinfo")
)  # fmt: skip
# As statements are read here: backslashes count in texts, which stand in either kind of quotes. No value is cut to fit.
MARIADB_MODE = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_READING = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE))
_NEVER = frozenset(
    (
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_CREATE_TEMP_INDEX,  # would stay with the connection, which others use
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
    )
)
_FORBIDDEN_FUNCTIONS = frozenset(("load_extension", "fts3_tokenizer"))

Answer = Callable[[int, str | None, str | None, str | None, str | None], int]


def guard_sqlite(connection: Connection, reads: bool, left_ms: int) -> None:
    """Bounds the statement that comes next."""
    raw: Any = connection.connection.driver_connection
    ends_at = time.monotonic() + left_ms / 1000
    raw.set_progress_handler(lambda: time.monotonic() > ends_at, INSTRUCTIONS_PER_CHECK)
    if connection.info.get("reads") is not reads:
        raw.set_authorizer(None)
        raw.execute(f"PRAGMA query_only = {'ON' if reads else 'OFF'}")
        raw.execute(f"PRAGMA hard_heap_limit = {MAX_HEAP_BYTES}")
        raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES)
        bound_printf(raw, MAX_CELL_BYTES)
        raw.set_authorizer(may_read if reads else may_change)
        connection.info["reads"] = reads
    raw.execute(f"PRAGMA busy_timeout = {left_ms}")


def guard_postgresql(connection: Connection, reads: bool, left_ms: int) -> None:
    """Bounds the transaction."""
    connection.execute(text(f"SET LOCAL statement_timeout = {left_ms}"))
    if reads:
        connection.execute(text("SET TRANSACTION READ ONLY"))


def guard_mariadb(connection: Connection, reads: bool, left_ms: int) -> None:
    """Bounds the transaction, and begins it."""
    connection.exec_driver_sql(f"SET SESSION max_statement_time = {left_ms / 1_000}, sql_mode = '{MARIADB_MODE}'")
    connection.exec_driver_sql("START TRANSACTION READ ONLY" if reads else "START TRANSACTION")


def may_read(action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
    """Whether SQLite may do this for a query."""
    if action in _READING:
        return sqlite3.SQLITE_OK
    if (
        action == sqlite3.SQLITE_UPDATE
    ):  # asked when a table such as json_each is made known; query_only forbids the rest
        return _ok(first == "sqlite_master" and database == "main")
    if action == sqlite3.SQLITE_READ:
        return _ok(database in (None, "main"))
    return _ok(_either_may(action, first, second))


def may_change(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Whether SQLite may do this for a change."""
    if action in (sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_FUNCTION):
        return _ok(_either_may(action, first, second))
    return _ok(action not in _NEVER)


def _either_may(action: int, first: str | None, second: str | None) -> bool:
    if action == sqlite3.SQLITE_FUNCTION:
        return (second or "").lower() not in _FORBIDDEN_FUNCTIONS
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        return name in TELLING_OF or name == "busy_timeout" or (name in TELLING and second is None)
    return False


def _ok(may: bool) -> int:
    return sqlite3.SQLITE_OK if may else sqlite3.SQLITE_DENY


GUARDS = {"sqlite": guard_sqlite, "postgresql": guard_postgresql, "mariadb": guard_mariadb}
DATABASES = frozenset(GUARDS)

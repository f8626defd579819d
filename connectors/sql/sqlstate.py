"""What a database error says: a reason by SQLSTATE (PostgreSQL), number (MariaDB) or name (SQLite), never by the text.

PostgreSQL drivers keep the SQLSTATE in different places (`sqlstate` psycopg and asyncpg, `pgcode` psycopg2, a
dictionary pg8000).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import DBAPIError

from schemas.reasons import Reason

# The longest prefix that fits decides; a class is its first two characters.
SQLSTATES: Mapping[str, Reason] = {
    "08": Reason.UNREACHED,
    "22": Reason.INPUT_INVALID,
    "23": Reason.INPUT_INVALID,
    "23505": Reason.ALREADY_DONE,
    "25": Reason.INPUT_INVALID,  # not in this transaction: a statement that writes in one that only reads
    "28": Reason.CONNECTION_STALE,
    "3F": Reason.INPUT_INVALID,
    "3D": Reason.MISCONFIGURED,
    "40": Reason.CONFLICT,
    "42": Reason.INPUT_INVALID,
    "42501": Reason.FORBIDDEN,
    "53": Reason.REMOTE_FAULT,
    "53300": Reason.UNREACHED,
    "55P03": Reason.CONFLICT,
    "57014": Reason.TIMED_OUT,
    "57P": Reason.UNREACHED,
}

SQLITE_ERRORS: Mapping[str, Reason] = {
    "SQLITE_AUTH": Reason.INPUT_INVALID,  # said by the authorizer of `guards`
    "SQLITE_BUSY": Reason.CONFLICT,
    "SQLITE_CANTOPEN": Reason.UNREACHED,
    "SQLITE_CONSTRAINT": Reason.INPUT_INVALID,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Reason.ALREADY_DONE,
    "SQLITE_CONSTRAINT_UNIQUE": Reason.ALREADY_DONE,
    "SQLITE_ERROR": Reason.INPUT_INVALID,
    "SQLITE_INTERRUPT": Reason.TIMED_OUT,
    "SQLITE_LOCKED": Reason.CONFLICT,
    "SQLITE_MISMATCH": Reason.INPUT_INVALID,
    "SQLITE_NOTADB": Reason.MISCONFIGURED,
    "SQLITE_READONLY": Reason.INPUT_INVALID,
    "SQLITE_TOOBIG": Reason.REPLY_TOO_LARGE,
}


MARIADB_ERRORS: Mapping[int, Reason] = {
    **dict.fromkeys((1040, 1053, 1203, 1226, 1927, 2002, 2003, 2005, 2006, 2013, 2055), Reason.UNREACHED),
    **dict.fromkeys((1205, 1213, 1020), Reason.CONFLICT),
    **dict.fromkeys((1062, 1586), Reason.ALREADY_DONE),
    **dict.fromkeys((1044, 1045, 1130, 1698), Reason.CONNECTION_STALE),
    **dict.fromkeys((1142, 1143, 1227, 1370, 1290), Reason.FORBIDDEN),
    **dict.fromkeys((1049,), Reason.MISCONFIGURED),
    **dict.fromkeys((1317, 1969, 3024), Reason.TIMED_OUT),
    **dict.fromkeys(
        (1048, 1051, 1052, 1054, 1064, 1109, 1136, 1146, 1149, 1264, 1292, 1305, 1364, 1365, 1366, 1406, 1451, 1452,
         1690, 1792, 3819, 4025),
        Reason.INPUT_INVALID,
    ),
}  # fmt: skip


def reason_of(error: DBAPIError) -> tuple[Reason, str]:
    """The reason, and the code that it was read from (free of data), for an error of the driver."""
    name = getattr(error.orig, "sqlite_errorname", None)
    if name:
        return SQLITE_ERRORS.get(name) or SQLITE_ERRORS.get("_".join(name.split("_")[:2])) or Reason.REMOTE_FAULT, name
    number = next(iter(getattr(error.orig, "args", None) or ()), None)
    if type(error.orig).__module__.startswith("pymysql") and isinstance(number, int) and number:
        return MARIADB_ERRORS.get(number, Reason.REMOTE_FAULT), str(number)
    state = sqlstate(error.orig)
    if state is not None:
        prefixes = (state[:length] for length in range(len(state), 1, -1))
        return next((SQLSTATES[each] for each in prefixes if each in SQLSTATES), Reason.REMOTE_FAULT), state
    if error.connection_invalidated or not isinstance(error.orig, Exception):
        return Reason.UNREACHED, _in_words(error)
    return _by_kind(error), _in_words(error)


def sqlstate(error: Any) -> str | None:
    """The five characters, wherever the driver keeps them."""
    found = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    fields = next(iter(getattr(error, "args", None) or ()), None)
    if found is None and isinstance(fields, dict):
        found = fields.get("C")
    return str(found) if found else None


def _in_words(error: DBAPIError) -> str:
    """What an error without a code says. Its own text may name users, hosts and values, so of that only its kind."""
    text = str(error.orig).lower()
    return next(
        (words for sign, words in _SIGNS.items() if sign in text), _KINDS.get(type(error).__name__, _CONNECTION)
    )


_CONNECTION = "the connection to the database failed"
_KINDS = {
    "DataError": "a value is not what the statement takes",
    "InterfaceError": "a parameter is of a kind that the database does not take",
    "ProgrammingError": "the statement and its parameters do not fit",
}
_SIGNS = {
    "authentication failed": "the database does not take the user or the password",
    "connection refused": "nothing listens at the address of the database",
    "name or service not known": "the name of the database's host cannot be resolved",
    "failed to resolve host": "the name of the database's host cannot be resolved",
    "timeout expired": "the database does not answer",
    "closed the connection": "the database has closed the connection",
    "does not exist": "there is no such database, or no such user of it",
}


def _by_kind(error: DBAPIError) -> Reason:
    """The driver's own errors have no code: what it could not bind is the caller's, the rest the connection's."""
    own = ("ProgrammingError", "InterfaceError", "DataError")
    return Reason.INPUT_INVALID if type(error).__name__ in own else Reason.UNREACHED

"""What is said of a statement that failed: the place, the reason and the remedy, in words without data.

The database's own words are passed on only where they speak of the statement and its tables. Those that may quote a
value are left out; the code says what kind it was.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DBAPIError

# How SQLite begins where it names tables, columns and signs of the statement, and no value.
_SQLITE = (
    "no such ",
    'near "',
    "unrecognized token: ",
    "incomplete input",
    "ambiguous column name: ",
    "wrong number of arguments ",
    "misuse of ",
    "row value misused",
    "sub-select returns ",
    "table ",
    "ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint",
    "UNIQUE constraint failed: ",
    "NOT NULL constraint failed: ",
    "CHECK constraint failed: ",
    "FOREIGN KEY constraint failed",
    "datatype mismatch",
    "attempt to write a readonly database",
    "You can only execute one statement at a time",
)
_POSTGRESQL = ("0A", "23", "25", "42")
_REMEDIES = {
    "25006": "a query cannot write; sql.execute can",
    "42P10": "make the columns of the key unique",
    "42P18": "say its type: CAST(:name AS text)",
    "42883": "say the type of a parameter: CAST(:name AS integer)",
    "42804": "say the type of a parameter: CAST(:name AS integer)",
    "22P02": "a value is not of the type that the statement takes",
    "22003": "a number is out of range",
    "22007": "a value is no date or time",
    "22008": "a date or time is out of range",
    "22001": "a text is too long for its column",
    "22012": "it divides by zero",
    "57014": "it took too long",
    "1062": "there is a row with this key",
    "1048": "give the column a value that is not null",
    "1054": "a column is not there",
    "1064": "the statement is no SQL of MariaDB",
    "1146": "a table is not there",
    "1205": "another transaction holds what it needs",
    "1213": "another transaction was in the way",
    "1264": "a number is out of range",
    "1292": "a value is not of the type that the statement takes",
    "1366": "a value is not of the type that the statement takes",
    "1406": "a text is too long for its column",
    "1451": "other rows refer to it",
    "1452": "it refers to a row that is not there",
    "1792": "a query cannot write; sql.execute can",
    "1969": "it took too long",
    "SQLITE_AUTH": "a query reads the tables of its own database; sql.execute changes them, and neither reaches beyond",
    "SQLITE_READONLY": "a query cannot write; sql.execute can",
    "SQLITE_TOOBIG": "a value or a row is too large",
    "SQLITE_CONSTRAINT_NOTNULL": "give the column a value that is not null",
    "SQLITE_INTERRUPT": "it took too long",
}


def explained(error: DBAPIError, code: str) -> str:
    """Code, words and remedy of an error of the driver."""
    parts = [each for each in (said(error), _REMEDIES.get(code, "")) if each]
    return f"{code}: {'; '.join(parts)}" if parts else code


def said(error: DBAPIError) -> str:
    """The database's own words where they quote only the statement, never a value; else nothing."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith(_POSTGRESQL):
        diagnosis: Any = getattr(error.orig, "diag", None)
        return str(getattr(diagnosis, "message_primary", None) or "")
    words = str(error.orig)
    return words if words.startswith(_SQLITE) else ""


def unreadable(error: DBAPIError) -> bool:
    """Whether the driver could not make a value of what the database gave: a text that is none, the year 11,000."""
    words = str(error.orig)
    if words.startswith("Could not decode to UTF-8"):
        return True
    own = getattr(error.orig, "sqlstate", None) is None and not hasattr(error.orig, "sqlite_errorname")
    return own and type(error).__name__ == "DataError" and not words.startswith("cannot dump")

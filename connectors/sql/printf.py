"""SQLite's `printf`, within a bound.

Its own gives null where the text would be too long, after it has counted out every character of it. Here that is an
error, and known beforehand. The formatting is still SQLite's, on a connection that has nothing else.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

_WIDTHS = re.compile(r"\d+")


def bound_printf(connection: sqlite3.Connection, most: int) -> None:
    """Has `printf` and `format` of the connection raise SQLITE_TOOBIG for a text of more than `most` bytes."""
    formatter = sqlite3.connect(":memory:", check_same_thread=False)
    formatter.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)

    def formatted(*values: Any) -> str | None:
        if not values or values[0] is None:
            return None
        form = str(values[0])
        widths = [int(each[:20]) for each in _WIDTHS.findall(form)]
        if "*" in form:
            widths += [abs(each) for each in values[1:] if isinstance(each, int)]
        if widths and max(widths) > most:
            raise OverflowError
        marks = ", ".join("?" * len(values))
        (made,) = formatter.execute(f"SELECT printf({marks})", values).fetchone()
        if made is None:
            raise OverflowError  # which sqlite3 makes SQLITE_TOOBIG of
        return str(made)

    for name in ("printf", "format"):
        connection.create_function(name, -1, formatted, deterministic=True)

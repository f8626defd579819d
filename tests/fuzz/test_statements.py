"""Any text may stand as a statement: it is taken apart without loss, and what is sent has as many places as values."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sql.lexer import POSTGRESQL, SQLITE, Kind, tokens
from connectors.sql.statement import Statement, StatementError

pytestmark = pytest.mark.fuzz

PARTS = [
    ":a", ":b", ":", "::", "\\:", "'", "''", '"', "`", "[", "]", "--", "\n", "/*", "*/", "$$", "$x$", "$", "E'", "\\",
    ";", "(", ")", ",", " ", "IN", "NOT IN", "VALUES", "SELECT", "ANY", "x", "1", "%", "?", "@", "=", "\u00fc",
]  # fmt: skip
statements = st.lists(st.sampled_from(PARTS), max_size=25).map("".join) | st.text(max_size=40)
given_values = st.none() | st.integers(-5, 5) | st.text("ab%", max_size=3)
many = st.lists(given_values, max_size=3)


@given(statement=statements)
def test_nothing_is_lost(statement: str) -> None:
    for dialect in (SQLITE, POSTGRESQL):
        parts = tokens(statement, dialect)
        again = "".join(f":{each.text}" if each.kind is Kind.PARAMETER else each.text for each in parts)
        assert again == statement or "\\:" in statement


@given(statement=statements, a=given_values | many, b=given_values | many)
def test_places_and_values_agree(statement: str, a: object, b: object) -> None:
    for dialect in (SQLITE, POSTGRESQL):
        try:
            read = Statement(statement, dialect)
            ready = read.ready({name: a if name == "a" else b for name in read.names})
        except StatementError:
            continue
        signs = [each.text for each in tokens(ready.text, SQLITE) if each.kind is Kind.SIGN]
        places = signs.count("?") if dialect == SQLITE else ready.text.replace("%%", "").count("%s")
        assert places == len(ready.values)


@given(text=st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=20))
def test_sqlite_sees_the_same_texts(text: str) -> None:
    """A parameter in a text would be a place that SQLite knows nothing of, and the other way about."""
    quoted = text.replace("\\:", "").replace("'", "''")
    ready = Statement(f"SELECT '{quoted}', :a /* {text.replace('*/', '')} */", SQLITE).ready({"a": 7})
    connection = sqlite3.connect(":memory:")
    try:
        row = connection.execute(ready.text, ready.values).fetchone()
    finally:
        connection.close()
    assert row == (text.replace("\\:", ""), 7)

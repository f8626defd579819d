"""The compliance department's database: sanctioned persons, open cases, checks that were made. Names are invented."""

from __future__ import annotations

import sqlite3
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS sanctioned (
    given_name TEXT NOT NULL, family_name TEXT NOT NULL, list TEXT NOT NULL, listed_on TEXT NOT NULL,
    PRIMARY KEY (family_name, given_name, list)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cases (
    case_id TEXT PRIMARY KEY, family_name TEXT NOT NULL, given_name TEXT NOT NULL, status TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checks (
    step_id TEXT PRIMARY KEY, application_id TEXT NOT NULL, result TEXT NOT NULL,
    checked_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
"""

SANCTIONED = (
    ("Femi", "Grau", "EX-CONSOLIDATED", "2020-09-01"),  # a name that sample applications carry now and then
    ("Viktor", "Marlowe", "EX-SDN", "2019-03-11"),
    ("Ilse", "Quandrell", "EX-SDN", "2021-07-02"),
    ("Tomas", "Verhoogen", "EX-CONSOLIDATED", "2022-04-19"),
    ("Ruslana", "Petrakova", "EX-CONSOLIDATED", "2023-10-30"),
    ("Amadou", "Keldoorn", "EX-SDN", "2024-01-15"),
)
CASES = (
    ("C-1001", "Quandrell", "Ilse", "open"),
    ("C-1002", "Ostermoor", "Henrik", "open"),
    ("C-1003", "Verhoogen", "Tomas", "closed"),
)


def prepare(path: Path) -> str:
    """Makes the database if it is not there yet; returns its SQLAlchemy URL. Checks recorded earlier stay."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(SCHEMA)
        database.executemany("INSERT OR IGNORE INTO sanctioned VALUES (?, ?, ?, ?)", SANCTIONED)
        database.executemany("INSERT OR IGNORE INTO cases VALUES (?, ?, ?, ?)", CASES)
    database.close()
    return f"sqlite:///{path.absolute()}"

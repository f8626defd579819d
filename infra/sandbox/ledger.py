"""What each system was asked and what it did about it, in a file that survives the server being killed.

It holds digests of bodies, never bodies. Two effects with one body are the same thing done twice: that is what tests
look for.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS request ( id INTEGER PRIMARY KEY, system TEXT NOT NULL, key TEXT, body TEXT NOT NULL, at_ms
INTEGER NOT NULL, result TEXT NOT NULL ); CREATE INDEX IF NOT EXISTS request_by_system ON request (system); CREATE
TABLE IF NOT EXISTS effect ( system TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL,
answer BLOB NOT NULL, PRIMARY KEY (system, key) ) WITHOUT ROWID;
"""


class KeyReusedError(Exception):
    """The key came before, with another body."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as received; `key` is its idempotency key, if it has one."""

    system: str
    key: str | None
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the body, hex."""
        return sha256(self.body).hexdigest()


class Ledger:
    """The ledger of all systems; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # survives a killed process, not a power cut
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def note(self, request: Request, result: str) -> int:
        """Records a request that had no effect; returns its number."""
        cursor = self._database.execute(
            "INSERT INTO request (system, key, body, at_ms, result) VALUES (?, ?, ?, ?, ?)",
            (request.system, request.key, request.digest, _now_ms(), result),
        )
        return cursor.lastrowid or 0

    def effect(self, request: Request, answer: Callable[[], bytes]) -> bytes:
        """Has the effect once per key and gives its answer, again and again; raises KeyReusedError."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            found = self._recorded(request)
            number = self.note(request, "done" if found is None else "replayed")
            return self._act(request, number, answer()) if found is None else found

    def summary(self, system: str, limit: int) -> dict[str, Any]:
        """Counts, the effects had more than once (as digests), and the last `limit` requests, newest first."""
        ask = self._database.execute
        counts = dict(
            ask("SELECT result, count(*) FROM request WHERE system = ? GROUP BY result", (system,)).fetchall()
        )
        (effects, distinct) = ask(
            "SELECT count(*), count(DISTINCT body) FROM effect WHERE system = ?", (system,)
        ).fetchone()
        repeated = ask(
            "SELECT body FROM effect WHERE system = ? GROUP BY body HAVING count(*) > 1", (system,)
        ).fetchall()
        entries = ask(
            "SELECT id, key, body, at_ms, result FROM request WHERE system = ? ORDER BY id DESC LIMIT ?",
            (system, limit),
        ).fetchall()
        return {
            "system": system,
            "requests": sum(counts.values()),
            "results": counts,
            "effects": effects,
            "distinct_effects": distinct,
            "repeated": [body for (body,) in repeated],
            "entries": [dict(zip(("id", "key", "body", "at_ms", "result"), entry, strict=True)) for entry in entries],
        }

    def _recorded(self, request: Request) -> bytes | None:
        if request.key is None:
            return None
        row = self._database.execute(
            "SELECT body, answer FROM effect WHERE system = ? AND key = ?", (request.system, request.key)
        ).fetchone()
        if row and row[0] != request.digest:
            raise KeyReusedError
        return bytes(row[1]) if row else None

    def _act(self, request: Request, number: int, answer: bytes) -> bytes:
        key = request.key if request.key is not None else f"unkeyed-{number}"
        self._database.execute(
            "INSERT INTO effect (system, key, body, at_ms, answer) VALUES (?, ?, ?, ?, ?)",
            (request.system, key, request.digest, _now_ms(), answer),
        )
        return answer


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

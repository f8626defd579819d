"""The rows of a table that were written or read last, so that who asks again need not ask RocksDB.

Two generations: a row goes into the young one, and when that has its fill it becomes the old one, whose rows are
forgotten. No order is kept and nothing is counted per read, which is what makes it worth having.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.runtime.processor import Row

GENERATION_BYTES = 256 * 1024
_PER_ROW_BYTES = 200  # of a row beside its value
UNKNOWN = Row(b"")


class RecentRows:
    """Rows by key, as last written or found; holds `2 * generation_bytes` at most, and a row more."""

    def __init__(self, generation_bytes: int = GENERATION_BYTES) -> None:
        self._generation_bytes = generation_bytes
        self._young: dict[bytes, Row | None] = {}
        self._old: Mapping[bytes, Row | None] = {}
        self._bytes = 0

    def get(self, key: bytes) -> Row | None:
        """The row of a key, None where it was deleted, `UNKNOWN` itself where it is not among the recent ones."""
        row = self._young.get(key, UNKNOWN)
        return self._old.get(key, UNKNOWN) if row is UNKNOWN else row

    def note(self, key: bytes, row: Row | None) -> None:
        """This is what the store holds now."""
        self._young[key] = row
        self._bytes += _PER_ROW_BYTES if row is None else _PER_ROW_BYTES + len(row.value)
        if self._bytes > self._generation_bytes:
            self._old, self._young, self._bytes = self._young, {}, 0

"""The local copy of one table partition: RocksDB, with the changelog position in the same write.

A copy and no more: whatever happens to it, the changelog gives it back.
"""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import rocksdict

from streams.runtime.processor import Row

_DUE = struct.Struct(">q")
_POSITION = struct.Struct(">qqq")
_POSITION_KEY = b"\x00position"

RESERVED = b"\x00"  # keys that begin so are the runtime's own

MEBIBYTE = 2**20


class DamagedStoreError(Exception):
    """The local copy cannot be read or written. The changelog gives it back."""


def encode_row(row: Row | None) -> bytes | None:
    """A row as it stands in changelog and store: due time, then value. None is a tombstone."""
    return None if row is None else _DUE.pack(row.due_ms) + row.value


def decode_row(raw: bytes) -> Row:
    """The inverse of `encode_row`."""
    return Row(raw[_DUE.size :], _DUE.unpack_from(raw)[0])


def _options() -> rocksdict.Options:
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(8 * MEBIBYTE)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    options.set_max_background_jobs(1)
    options.set_compression_type(rocksdict.DBCompressionType.lz4())
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(rocksdict.Cache(8 * MEBIBYTE))
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options


class Position(NamedTuple):
    """How far a store has come in its changelog."""

    next_offset: int
    epoch: int  # of the last writer
    at_ms: int  # when the store was last written to


class Store:
    """Rows of one table partition. Not for two owners at once: RocksDB holds a lock on the folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = self._open()
        if self._is_of_another_layout():
            self.clear()

    def _is_of_another_layout(self) -> bool:
        """Whether an earlier version of this software wrote it."""
        raw = self._db.get(_POSITION_KEY)
        return raw is not None and len(raw) != _POSITION.size

    def _open(self) -> rocksdict.Rdict:
        try:
            return rocksdict.Rdict(str(self._path), _options())
        except Exception as error:  # rocksdict has no exception type of its own
            if "lock" in str(error).lower():
                raise
            shutil.rmtree(self._path, ignore_errors=True)  # damaged: the changelog gives it back
            return rocksdict.Rdict(str(self._path), _options())

    @property
    def position(self) -> Position | None:
        """Where the store stands; None for a new one."""
        raw = self._db.get(_POSITION_KEY)
        return None if raw is None else Position(*_POSITION.unpack(raw))

    def get(self, key: bytes) -> Row | None:
        """The row of a key."""
        raw = self._db.get(key)
        return None if raw is None else decode_row(raw)

    def get_raw(self, key: bytes) -> bytes | None:
        """The row as it is written to the changelog."""
        raw = self._db.get(key)
        return None if raw is None else bytes(raw)

    def apply(
        self, changes: Mapping[bytes, bytes | None] | Iterable[tuple[bytes, bytes | None]], next_offset: int, epoch: int
    ) -> None:
        """Writes encoded rows (None deletes) and the changelog position at once."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes.items() if isinstance(changes, Mapping) else changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_POSITION_KEY, _POSITION.pack(next_offset, epoch, time.time_ns() // 1_000_000))
        self._db.write(batch)

    def rows(self) -> Iterator[tuple[bytes, Row]]:
        """All rows in the order of their keys."""
        for key, raw in self._entries():
            yield key, decode_row(raw)

    def dues(self) -> Iterator[tuple[bytes, int]]:
        """Key and due time of every row that has one."""
        for key, raw in self._entries():
            if due := _DUE.unpack_from(raw)[0]:
                yield key, due

    def _entries(self) -> Iterator[tuple[bytes, bytes]]:
        for key, raw in self._db.items():
            if isinstance(key, bytes) and key != _POSITION_KEY:
                yield key, raw

    def clear(self) -> None:
        """Forgets everything: the changelog cannot bring this copy up to date."""
        self.close()
        shutil.rmtree(self._path, ignore_errors=True)
        self._db = self._open()

    def close(self) -> None:
        """Lets go of the folder."""
        self._db.close()

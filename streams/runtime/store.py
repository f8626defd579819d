"""The local copy of one table partition: RocksDB, with the changelog position in the same write.

A copy and no more: whatever happens to it, the changelog gives it back. Damage that is met while recovering is mended
on the spot (`table.py`); while records are handled it ends the process, and a mark beside the folder has the copy made
anew at the next start.
"""

from __future__ import annotations

import gc
import os
import shutil
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from streams.ground.errors import ConfigurationError
from streams.runtime.declaration import loaded
from streams.runtime.processor import Row, StateView

if TYPE_CHECKING:
    import rocksdict

_DUE = struct.Struct(">q")
_POSITION = struct.Struct(">qqq")
_POSITION_KEY = b"\x00position"

RESERVED = b"\x00"  # keys that begin so are the runtime's own

_END_OF_FILE = bytes.fromhex("f7cff485b741e288")  # of every file of rows

_NOT_ALLOWED = ("Permission denied", "Read-only file system")
_NO_ROOM = ("No space left", "Disk quota exceeded", "File too large")
_NOT_DAMAGED = ("lock file", "lock hold", "Too many open files", "Cannot allocate", *_NO_ROOM)

log = structlog.get_logger()


class StoreError(Exception):
    """The local copy cannot be read or written; no record is at fault."""


class DamagedStoreError(StoreError):
    """The local copy is not what was written. The changelog gives it back."""


def encode_row(row: Row | None) -> bytes | None:
    """A row as it stands in changelog and store: due time, then value. None is a tombstone."""
    return None if row is None else _DUE.pack(row.due_ms) + row.value


def decode_row(raw: bytes) -> Row:
    """The inverse of `encode_row`."""
    return Row(raw[_DUE.size :], _DUE.unpack_from(raw)[0])


class Position(NamedTuple):
    """How far a store has come in its changelog."""

    next_offset: int
    epoch: int  # of the last writer
    at_ms: int  # when the store was last written to


class Store:
    """Rows of one table partition. Not for two owners at once: RocksDB holds a lock on the folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._batch = loaded("streams.runtime.rocksdb:batch")
        self._mark = path.with_name(f"{path.name}.damaged")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path.parent, error.strerror or str(error)) from None
        self._db = self._open()
        if self._mark.exists() or self._is_of_another_layout():
            self.clear()

    def _is_of_another_layout(self) -> bool:
        """Whether an earlier version of this software wrote it."""
        raw = self.get_raw(_POSITION_KEY)
        return raw is not None and len(raw) != _POSITION.size

    def _open(self) -> rocksdict.Rdict:
        whole = _whole_files(self._path)
        try:
            opened: rocksdict.Rdict = loaded("streams.runtime.rocksdb:opened")(self._path)
            if not _knows(opened, whole):
                opened.close()
                raise DamagedStoreError("files of rows are not in the list of files any more")
            opened.set_options({"disable_auto_compactions": "false"})
            return opened
        except Exception as error:  # noqa: BLE001  # rocksdict has no exception type of its own
            reason = str(error)
            if any(word in reason for word in _NOT_ALLOWED + _NOT_DAMAGED):
                raise unwritable(self._path, reason) from None
            log.warning("store made anew", store=self._path.name, reason=reason.splitlines()[0])
            self._remove()  # damaged: the changelog gives it back
            return self._open()

    def _failure(self, error: Exception) -> StoreError:
        """What a failed read or write means. Of damage a mark is left, in case nobody is there to mend it."""
        reason = str(error)
        if any(word in reason for word in _NOT_DAMAGED + _NOT_ALLOWED):
            return StoreError(_without_room(self._path, reason))
        with suppress(OSError):
            self._mark.touch()
        return DamagedStoreError(f"{self._path.name}: {reason}")

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._path

    @property
    def position(self) -> Position | None:
        """Where the store stands; None for a new one."""
        raw = self.get_raw(_POSITION_KEY)
        return None if raw is None else Position(*_POSITION.unpack(raw))

    def get(self, key: bytes) -> Row | None:
        """The row of a key."""
        try:
            raw = self._db.get(key)
        except Exception as error:  # noqa: BLE001  # as above
            raise self._failure(error) from None
        return None if raw is None else decode_row(raw)

    def get_raw(self, key: bytes) -> bytes | None:
        """The row as it is written to the changelog."""
        try:
            raw = self._db.get(key)
        except Exception as error:  # noqa: BLE001  # as above
            raise self._failure(error) from None
        return None if raw is None else bytes(raw)

    def apply(
        self, changes: Mapping[bytes, bytes | None] | Iterable[tuple[bytes, bytes | None]], next_offset: int, epoch: int
    ) -> None:
        """Writes encoded rows (None deletes) and the changelog position at once."""
        batch = self._batch()
        for key, value in changes.items() if isinstance(changes, Mapping) else changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_POSITION_KEY, _POSITION.pack(next_offset, epoch, time.time_ns() // 1_000_000))
        try:
            self._db.write(batch)
        except Exception as error:  # noqa: BLE001  # as above
            raise self._failure(error) from None

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
        last = None
        for key, raw in self._db.items():
            last = key
            if isinstance(key, bytes) and key != _POSITION_KEY:
                yield key, raw
        self._check_end(last)

    def _check_end(self, last: object) -> None:
        """RocksDB ends a scan at a block that it cannot read, and its binding as if nothing were behind it."""
        cursor = self._db.iter()
        try:
            cursor.seek_to_last()
            cursor.status()
            end = cursor.key() if cursor.valid() else None
        except Exception as error:  # noqa: BLE001  # as above
            raise self._failure(error) from None
        if end != last:
            raise self._failure(Exception("Corruption: a scan ended before the last row"))

    def clear(self) -> None:
        """Forgets everything: the changelog cannot bring this copy up to date."""
        self.close()
        self._remove()
        self._db = self._open()
        with suppress(OSError):
            self._mark.unlink(missing_ok=True)

    def _remove(self) -> None:
        try:
            shutil.rmtree(self._path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise unwritable(self._path, error.strerror or str(error)) from None

    def close(self) -> None:
        """Lets go of the folder, also where what it holds cannot be written out any more."""
        try:
            self._db.close()
        except Exception as error:  # noqa: BLE001  # as above
            log.warning("store not closed", reason=str(self._failure(error)))
            del self._db  # gives its lock back, once nobody holds it
            gc.collect()


def _whole_files(path: Path) -> set[str]:
    """The files of rows that were written to their end."""
    return {file.name for file in path.glob("*.sst") if _is_whole(file)}


def _is_whole(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            opened.seek(-len(_END_OF_FILE), os.SEEK_END)
            return opened.read() == _END_OF_FILE
    except OSError:
        return False


def _knows(opened: rocksdict.Rdict, whole: set[str]) -> bool:
    """Whether all files of rows are in use. RocksDB takes the damaged end of its list of files for one never written.

    A worker that is killed in the middle of a compaction leaves files that are not whole; in the moment after one, or
    after a damage, whole ones. Then the changelog is read once more than need be.
    """
    return whole <= {Path(file["name"]).name for file in opened.live_files()}


def unwritable(path: Path, reason: str) -> Exception:
    """What it means that a file or folder of the local copy cannot be made or written, and what is to be done."""
    if any(word in reason for word in _NOT_DAMAGED):
        return StoreError(_without_room(path, reason))
    return ConfigurationError(f"{path} cannot be written ({reason}). Give this process that right, or another folder.")


def _without_room(path: Path, reason: str) -> str:
    if not any(word in reason for word in _NO_ROOM):
        return reason
    return f"{path} cannot be written ({reason}). Make room there; nothing is lost, and the next start goes on."


class _Reading:
    """The rows of a store that another process owns, as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        self._db: rocksdict.Rdict = loaded("streams.runtime.rocksdb:read_only")(path)

    def get(self, key: bytes) -> Row | None:
        raw = self._db.get(key)
        return None if raw is None else decode_row(raw)


def read_only(path: Path) -> StateView:
    """A view of a store that nobody can write through, beside its owner."""
    return _Reading(path)

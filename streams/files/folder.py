"""One folder whose files are read: who may read one, how far it was read, which were read before, and where they go.

All of it stands below the folder itself, in `.exlify`, so any process that sees the folder can go on where another was
killed: a lock that ends with its process, a position that is replaced whole, and a ledger of files by name and content.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL, ELOOP, ENOTDIR
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, TypeVar, cast

import msgspec

from connectors.codecs.records import START, Position

OURS = ".exlify"
T = TypeVar("T")
MOST_KEPT = 64 * 1024  # bytes of a position, or of an entry of the ledger: they are small
_CHUNK = 1024 * 1024


class Seen(msgspec.Struct, frozen=True):
    """A file as it is: while this stays, its content does."""

    size: int
    mtime_ns: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file was read, for whoever goes on."""

    seen: Seen
    digest: str  # of the content
    id: str  # of name and content: its events are called after it
    position: tuple[int, int, int] = START
    published: int = 0
    broken: int = 0
    broken_bytes: int | None = None  # of the file of broken records that count; none of its own has been written yet

    @property
    def start(self) -> Position:
        """Where to go on."""
        return Position(*self.position)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read, in the ledger."""

    name: str
    size: int
    mtime_ns: int
    digest: str
    published: int
    broken: int
    whole: bool
    read_at_ms: int


class Folder:
    """The files of one source."""

    def __init__(self, path: Path, match: str) -> None:
        self.path = path
        self._match = match
        self._ours = path / OURS

    def waiting(self) -> list[tuple[str, Seen]]:
        """The files that may be read, the oldest first. Raises OSError where the folder cannot be looked at."""
        found = []
        with os.scandir(self.path) as entries:
            for each in entries:
                if each.name.startswith(".") or not fnmatchcase(each.name, self._match):
                    continue
                with suppress(FileNotFoundError):  # moved meanwhile, by another process
                    if each.is_file(follow_symlinks=False):
                        found.append((each.name, _seen(each.stat(follow_symlinks=False))))
        return sorted(found, key=lambda each: (each[1].mtime_ns, each[0]))

    def is_settled(self, name: str, seen: Seen, seconds: float) -> bool:
        """Whether nobody has written to it for so long."""
        return time.time() - seen.mtime_ns / 1e9 >= seconds

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether the file is ours for as long as the context lasts; the claim of a process ends with it."""
        with _folder(self._ours, 0o700):
            lock = self._ours / f"{name}.lock"
            handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield _is_same(handle, lock) and (self.path / name).is_file()
            with suppress(FileNotFoundError):
                if not (self.path / name).exists():
                    lock.unlink()
        finally:
            os.close(handle)

    def progress(self, name: str) -> Progress | None:
        """How far the file was read, if it is still the same."""
        found = _read(self._ours / f"{name}.position", Progress)
        return found if found is not None and found.seen == self.seen(name) else None

    def keep(self, name: str, progress: Progress) -> None:
        """Keeps how far it was read."""
        _replace(self._ours / f"{name}.position", msgspec.json.encode(progress))

    def seen(self, name: str) -> Seen:
        """The file as it is now. Raises OSError."""
        return _seen((self.path / name).stat(follow_symlinks=False))

    def opened(self, name: str) -> BinaryIO:
        """The file to be read; never one behind a link that was put in its place since it was listed, and no pipe.

        Raises OSError.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return _regular(os.open(self.path / name, flags), self.path / name, "rb")

    def begun(self, name: str) -> Progress:
        """The file from its beginning. Raises OSError."""
        seen, digest = self.seen(name), self._digest(name)
        return Progress(seen=seen, digest=digest, id=hashlib.sha256(f"{name}\n{digest}".encode()).hexdigest()[:32])

    def _digest(self, name: str) -> str:
        with self.opened(name) as file:
            found = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        return found.hexdigest()

    def known(self, name: str, digest: str) -> Entry | None:
        """What the ledger has of a file of this name and content."""
        return _read(self._entry(name, digest), Entry)

    def note(self, entry: Entry) -> None:
        """Into the ledger."""
        path = self._entry(entry.name, entry.digest)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _replace(path, msgspec.json.encode(entry))

    def ledger(self) -> list[Entry]:
        """All files that were read, the last first."""
        found = [_read(each, Entry) for each in (self._ours / "ledger").glob("*.json")]
        return sorted((each for each in found if each is not None), key=lambda each: -each.read_at_ms)

    def put_away(self, name: str, into: Path, digest: str) -> Path:
        """Moves a file that is done with; one of its name that is there already stays. Raises OSError."""
        with _folder(into) as folder:
            put = f"{name}.{digest[:12]}" if _is_there(name, folder) else name
            os.rename(self.path / name, put, dst_dir_fd=folder)
        with suppress(FileNotFoundError):
            (self._ours / f"{name}.position").unlink()
        return into / put

    def broken_size(self, into: Path, name: str) -> int:
        """How large the file of broken records is."""
        try:
            return (into / f"{name}.broken.ndjson").stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def write_broken(self, into: Path, name: str, at: int, lines: bytes) -> int:
        """Writes lines behind so many bytes of it, where they are there; gives its size. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with _folder(into) as folder:
            handle = os.open(f"{name}.broken.ndjson", flags, 0o666, dir_fd=folder)
        with _regular(handle, into / f"{name}.broken.ndjson", "ab") as file:
            at = min(at, file.seek(0, os.SEEK_END))  # somebody may have taken it away meanwhile
            file.truncate(at)  # what a killed process has written behind its position comes again
            file.write(lines)
        return at + len(lines)

    def close(self) -> None:
        """Nothing is held between looks."""

    def _entry(self, name: str, digest: str) -> Path:
        return self._ours / "ledger" / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}-{digest[:32]}.json"


def _seen(stat: os.stat_result) -> Seen:
    return Seen(stat.st_size, stat.st_mtime_ns)


def _is_same(handle: int, path: Path) -> bool:
    """Whether the locked file is the one of the name: another process may have finished and removed it."""
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MOST_KEPT), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):  # what is not whole is begun anew
        return None


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.draft")  # of whoever has the claim; one that was killed leaves no other
    draft.unlink(missing_ok=True)  # what stands there may have been put there so that another file is written
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)


@contextmanager
def _folder(path: Path, mode: int = 0o777) -> Iterator[int]:
    """A folder below that of the source, which is made where it is not there. Whoever puts files there may put a link
    in its place, which is not followed: it could lead to what they may not write to. Raises OSError."""
    path.mkdir(mode=mode, exist_ok=True)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (ELOOP, ENOTDIR):
            raise OSError(ELOOP, f"{path.name} is a link, and has to be a folder", str(path)) from None
        raise
    try:
        yield handle
    finally:
        os.close(handle)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _regular(handle: int, path: Path, mode: str) -> BinaryIO:
    """The opened file, if it is one. Raises OSError."""
    if not S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(EINVAL, "is no file", str(path))
    return cast(BinaryIO, os.fdopen(handle, mode))

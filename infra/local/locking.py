"""A lock that ends with its holder, however the holder ends: after a crash there is nothing to clean up."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_OWN = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_PID = re.compile(rb"[1-9][0-9]{0,9}")
_LOOKS = 20  # at a file that its holder is about to write
_LOOK_INTERVAL_S = 0.01


class Busy(Exception):
    """Another process holds the lock."""


class UnknownHolder(Exception):
    """Somebody holds the lock, and it cannot be said who: the file names no process of this user that has it open."""


@contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[IO[str]]:
    """Holds the lock file `path`, which then contains this process's id; yields it open.

    With `wait` it blocks until the lock is free, without it raises Busy. Children never inherit the lock. Nobody else
    can open the file: whoever can read a file can lock it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, _OWN, 0o600), "a+") as file:
        if os.fstat(file.fileno()).st_uid == os.geteuid():
            os.fchmod(file.fileno(), 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(str(path)) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file


def holder(path: Path) -> int | None:
    """The process that holds the lock file `path`; None where nobody does. Raises UnknownHolder."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError:  # a link, or a file of somebody else
        raise UnknownHolder from None
    try:
        for _ in range(_LOOKS):
            if not _is_held(file):
                return None
            written = os.pread(file, 64, 0)
            if _PID.fullmatch(written) and _has_open(int(written), file):
                return int(written)
            time.sleep(_LOOK_INTERVAL_S)
    finally:
        os.close(file)
    raise UnknownHolder


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _has_open(pid: int, file: int) -> bool:
    """Whether the process has this very file open, as far as this user may know."""
    wanted = os.fstat(file)
    try:
        return any(os.path.samestat(wanted, each) for each in _open_files(Path(f"/proc/{pid}/fd")))
    except OSError:  # no such process, or not ours
        return False


def _open_files(folder: Path) -> Iterator[os.stat_result]:
    for entry in folder.iterdir():
        try:
            yield entry.stat()
        except OSError:  # closed meanwhile
            continue

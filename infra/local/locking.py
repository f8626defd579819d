"""A lock that ends with its holder, however the holder ends: after a crash there is nothing to clean up."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class Busy(Exception):
    """Another process holds the lock."""


@contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[IO[str]]:
    """Holds the lock file `path`, which then contains this process's id; yields it open.

    With `wait` it blocks until the lock is free, without it raises Busy. Children never inherit the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(str(path)) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file


def holder(path: Path) -> int | None:
    """The process that holds the lock file `path`; None where nobody does."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int(path.read_text() or 0) or None
    return None

"""A file of fixed size that outlives the process, mapped into memory: writing to it costs no call of the system."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

from streams.runtime.store import unwritable


def mapped(path: Path, size_bytes: int) -> mmap.mmap:
    """The file, made where it is not there; raises StoreError where there is no room for it.

    The room is taken at once: writing to a page that has none, on a disk that is full, ends the process without a word
    (SIGBUS).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as opened:
            opened.truncate(size_bytes)
            if sys.platform != "darwin":
                os.posix_fallocate(opened.fileno(), 0, size_bytes)
            return mmap.mmap(opened.fileno(), size_bytes)
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from None

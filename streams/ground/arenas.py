"""How many heaps the threads of a process share.

Each thread of the C libraries (Kafka's client, RocksDB, SQLite) takes memory from a heap of its own, up to eight for
each core, and what one has given back no other takes: some twenty threads that mostly wait keep tens of megabytes.
"""

from __future__ import annotations

import ctypes
import os
import sys

MOST = 2  # of which Python's own thread has one
ENVIRONMENT = "MALLOC_ARENA_MAX"  # glibc's own name for it

_M_ARENA_MAX = -8  # malloc.h


def share() -> None:
    """From now on, so before there are threads; not where the environment says how many, or where the C library is not
    glibc's, which alone has such heaps."""
    if sys.platform == "linux" and ENVIRONMENT not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, MOST)

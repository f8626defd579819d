"""Threads share heaps: what the C library says of itself."""

import os
import subprocess
import sys

import pytest

from streams.ground.arenas import ENVIRONMENT, MOST
from tests.support.waiting import PATIENCE_S

THREADS = 12
PROGRAM = f"""
import ctypes, threading
from streams.ground import arenas
SHARE
libc = ctypes.CDLL(None)
together = threading.Barrier({THREADS} + 1)

def take():
    libc.malloc(100)  # a thread gets its heap with the first that it takes
    together.wait()
    together.wait()

threads = [threading.Thread(target=take) for _ in range({THREADS})]
for each in threads:
    each.start()
together.wait()
libc.malloc_stats()
together.wait()
"""


def heaps(share: str, **environ: str) -> int:
    """How many there are in a process of many threads."""
    given = {name: value for name, value in os.environ.items() if name != ENVIRONMENT} | environ
    argv = (sys.executable, "-c", PROGRAM.replace("SHARE", share))
    said = subprocess.run(argv, capture_output=True, text=True, check=True, env=given, timeout=PATIENCE_S).stderr
    return said.count("Arena ")


@pytest.mark.skipif(sys.platform != "linux" or not os.confstr("CS_GNU_LIBC_VERSION"), reason="the C library is another")
def test_threads_share_heaps_unless_the_environment_says_otherwise() -> None:
    assert heaps("") > MOST
    assert heaps("arenas.share()") == MOST
    assert heaps("arenas.share()", MALLOC_ARENA_MAX="4") == 4

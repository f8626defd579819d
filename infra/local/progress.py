"""How a long download shows itself: one line that moves on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Called with a title and the bytes to come; gives a function that is told of each piece, from any thread."""

STEP_PERCENT = 10


@contextmanager
def silent(title: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Shows nothing."""
    yield lambda _: None


@contextmanager
def on_stderr(title: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Shows percent and megabytes on standard error."""
    meter = _Meter(title, total_bytes)
    yield meter.advance
    meter.end()


class _Meter:
    def __init__(self, title: str, total_bytes: int) -> None:
        self._title, self._total = title, total_bytes
        self._done, self._shown = 0, 0
        self._lock = threading.Lock()
        self._moving = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def advance(self, size_bytes: int) -> None:
        with self._lock:
            self._done += size_bytes
            percent = min(100, 100 * self._done // max(self._total, 1))
            if percent >= self._shown + (1 if self._moving else STEP_PERCENT):
                self._shown = percent
                self._show(percent)

    def end(self) -> None:
        if self._moving:
            print(file=sys.stderr)

    def _show(self, percent: int) -> None:
        text = f"{self._title}: {percent} % of {self._total / 1e6:.0f} MB"
        print(f"\r{text}" if self._moving else text, end="" if self._moving else "\n", file=sys.stderr, flush=True)

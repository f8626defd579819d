"""Ends a process that hangs: a worker that keeps its partitions and does nothing is worse than one that is gone."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable

EXIT_STALLED = 75
TICK_S = 1.0


class Watchdog:
    """A thread that looks whether the event loop turns and whether work that is there moves."""

    def __init__(self, stall_timeout_ms: int, stalled: Callable[[float], str | None]) -> None:
        self._timeout_s = stall_timeout_ms / 1_000
        self._stalled = stalled  # given the time before which there should have been progress, says what has not moved
        self._last_tick = time.monotonic()
        self._done = threading.Event()

    async def run(self) -> None:
        """Ticks as long as the loop turns."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        try:
            while True:
                self._last_tick = time.monotonic()
                await asyncio.sleep(TICK_S)
        finally:
            self._done.set()

    def _watch(self) -> None:
        last_look = time.monotonic()
        while not self._done.wait(self._timeout_s / 10):
            now = time.monotonic()
            slept_s, last_look = now - last_look, now
            if slept_s > self._timeout_s / 2:
                self._last_tick = now  # the whole process was stopped: the loop gets its time first
                continue
            reason = self._reason(now)
            if reason is not None:
                print(f"watchdog: {reason}; the process ends and is started again", file=sys.stderr, flush=True)
                faulthandler.dump_traceback(file=sys.stderr)
                os._exit(EXIT_STALLED)

    def _reason(self, now: float) -> str | None:
        if now - self._last_tick > self._timeout_s:
            return f"the event loop has not turned for {now - self._last_tick:.0f} s"
        return self._stalled(now - self._timeout_s)

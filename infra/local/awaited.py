"""Says what a start waits for, so that no silence looks like an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Awaited:
    """What is waited for at the moment, by name; `say` takes a line for people."""

    def __init__(self, say: Callable[[str], None], every_s: float = 5.0) -> None:
        self._say = say
        self._every_s = every_s
        self._since: dict[str, float] = {}

    async def on(self, name: str, what: Awaitable[T]) -> T:
        """Waits, and says how long it took."""
        began = self._since[name] = time.monotonic()
        try:
            result = await what
        finally:
            del self._since[name]
        self._say(f"{name} ready after {time.monotonic() - began:.1f} s")
        return result

    async def tell(self) -> None:
        """Says what is still waited for, now and then, until it is cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            now = time.monotonic()
            waits = [f"{name} ({now - at:.0f} s)" for name, at in self._since.items() if now - at >= self._every_s / 2]
            if waits:
                self._say(f"waiting for {', '.join(waits)}")

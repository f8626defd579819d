"""How a request waits for what a processor makes of it: it looks again and again, ever more seldom, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from streams.gateway.services import Services

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25


async def awaited(ours: Services, look: Callable[[], Awaitable[bool]]) -> None:
    """Returns once `look` has seen it, or after the time that a request waits for an answer."""
    pause_s = FIRST_PAUSE_S
    try:
        async with asyncio.timeout(ours.answer_timeout_s):
            while not await look():
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    except TimeoutError:
        pass

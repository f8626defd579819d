"""Waiting for what another process or task does, within a bound on hanging.

There is one such bound, which no machine that is only slow or busy reaches. That something is not dear is another
promise, and `tests/support/cost.py` looks at it beside a unit of its own.
"""

from __future__ import annotations

import asyncio

PATIENCE_S = 180.0  # generous: a bound on hanging, not a measure


async def until(condition: object) -> None:
    """Returns once the condition holds; looks again and again."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.05)

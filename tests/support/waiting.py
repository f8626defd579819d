"""Waiting for what another process or task does, within a bound on hanging."""

from __future__ import annotations

import asyncio

PATIENCE_S = 60.0


async def until(condition: object) -> None:
    """Returns once the condition holds; looks again and again."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.05)

"""Blocking work beside the event loop, for as long as it takes: a thread cannot be cancelled, so cancelling waits for
it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Like `asyncio.to_thread`; but when it is cancelled, the function has ended before the caller goes on.

    Otherwise a recovery that was called off could still write into a store that has another owner by now.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **options))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.gather(work, return_exceptions=True)
        raise

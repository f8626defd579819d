"""Blocking work beside the event loop, for as long as it takes: a thread cannot be cancelled, so cancelling waits for
it."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

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


class Aside:
    """One thread for work that stands still for as long as a system outside does, one piece after the other.

    Nobody waits for it at the end of the process: what it is in the middle of may stay undone, or be done again.
    """

    def __init__(self, name: str) -> None:
        self._orders: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns or raises. Called off before its turn, it is not done; once begun, it goes on."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._orders.put((work, done))
        return await done

    def close(self) -> None:
        """Ends the thread after what it has been given."""
        self._orders.put(None)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            work, done = order
            if done.cancelled():
                continue
            try:
                result, error = work(), None
            except Exception as raised:  # noqa: BLE001  # whoever waits for it gets it
                result, error = None, raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                done.get_loop().call_soon_threadsafe(_settle, done, result, error)


def _settle(done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)

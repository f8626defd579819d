"""An event loop of its own for the `async` functions of users: one that blocks holds up its kind and nobody else."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any

from streams.steps.crew import Ended

ANSWERS_WITHIN_S = 2.0


class Loop:
    """An event loop in a thread; another takes its place once it does not turn any more."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self.lost = 0  # loops that did not turn any more

    def begin(self, work: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Ended]:
        """Lets the coroutine run there."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(_contained(work), self._loop)

    async def leave(self, under_way: concurrent.futures.Future[Ended]) -> None:
        """Gives a coroutine up. Where even that is not heard, all that runs there is given up, too."""
        loop = self._loop
        under_way.cancel()
        if loop is not None and not await _turns(loop) and self._loop is loop:
            self.lost += 1
            self._loop = None

    def close(self) -> None:
        """Ends the loop; what runs there is cancelled."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(_end, self._loop)
            self._loop = None


async def _contained(work: Coroutine[Any, Any, Any]) -> Ended:
    try:
        return await work, None
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return None, error
    except BaseException as error:  # noqa: BLE001  # SystemExit would end the loop
        return None, error.with_traceback(None)


async def _turns(loop: asyncio.AbstractEventLoop) -> bool:
    here, turned = asyncio.get_running_loop(), asyncio.Event()
    loop.call_soon_threadsafe(here.call_soon_threadsafe, turned.set)
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await turned.wait()
    except TimeoutError:
        return False
    return True


def _end(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.call_soon(loop.stop)

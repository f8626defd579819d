"""Threads for functions of users: as many as there is work, each of which may never end.

A thread cannot be ended from outside. One that takes too long is left behind: it gets an exception that ends it as soon
as it runs Python again, its place is free for another, and how many are lost is known. Threads here do not hold up the
end of the process.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from streams.steps.errors import Overdue

Ended = tuple[Any, BaseException | None]
"""What a piece of work gave, or raised: SystemExit and its like, too."""


class Crew:
    """Threads that work for one event loop; idle ones are used again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: list[_Hand] = []
        self.lost = 0  # that were left behind and have not ended since

    def begin(self, work: Callable[[], Any]) -> Job:
        """Lets a thread work."""
        hand = self._idle.pop() if self._idle else _Hand(self, self._name)
        job = Job(self, hand, work)
        hand.jobs.put(job)
        return job

    def take_back(self, hand: _Hand) -> None:
        """The thread is free."""
        self._idle.append(hand)

    def close(self) -> None:
        """Lets idle threads end."""
        for hand in self._idle:
            hand.jobs.put(None)
        self._idle.clear()


class Job:
    """A piece of work under way; `done` is for the loop that began it."""

    def __init__(self, crew: Crew, hand: _Hand, work: Callable[[], Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Ended] = self.loop.create_future()
        self._crew = crew
        self._hand = hand
        self._work = work
        self._over = False

    def leave(self) -> None:
        """Leaves the thread behind with its work."""
        if not self._over:
            self._over = True
            self._crew.lost += 1
            self._hand.leave()

    def run(self) -> None:
        """In the thread."""
        ended: Ended
        try:
            ended = self._work(), None
        except BaseException as error:  # noqa: BLE001  # whatever a function of a user raises is told, not raised
            ended = None, error.with_traceback(None)
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self.loop.call_soon_threadsafe(self._end, ended)

    def _end(self, ended: Ended) -> None:
        if self._over:
            return
        self._over = True
        self._crew.take_back(self._hand)
        if not self.done.done():
            self.done.set_result(ended)


class _Hand:
    """One thread."""

    def __init__(self, crew: Crew, name: str) -> None:
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._crew = crew
        self._loop = asyncio.get_running_loop()
        self._left = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Ends it, at once if it runs Python, else as soon as it does again."""
        self._left = True
        self.jobs.put(None)
        if self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), ctypes.py_object(Overdue))

    def _run(self) -> None:
        try:
            while (job := self.jobs.get()) is not None:
                job.run()
        except Overdue:
            pass
        if self._left:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._found)

    def _found(self) -> None:
        self._crew.lost -= 1

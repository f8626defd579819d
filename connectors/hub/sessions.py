"""Connections to servers that keep them: each is one call's at a time, and kept for the next if the call ended well.

So what goes wrong on one is the matter of one call, and it can be cut without harm to others.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

MOST_IDLE = 4  # of one server
IDLE_S = 60.0


class Session(ABC):
    """A connection that is one call's."""

    kept = False  # from an earlier call
    well = False  # whether the next call may have it
    since = 0.0

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Whether it has ended."""

    @abstractmethod
    def abort(self) -> None:
        """Ends it at once; whoever waits for an answer hears it."""


K = TypeVar("K", bound=Hashable)
S = TypeVar("S", bound=Session)


class Sessions(Generic[K, S]):
    """Those that are idle, by server."""

    def __init__(self, connect: Callable[[K], Awaitable[S]]) -> None:
        self._connect = connect
        self._idle: dict[K, list[S]] = {}

    @asynccontextmanager
    async def lent(self, server: K) -> AsyncIterator[S]:
        """A connection; raises what connecting raises. It is given back where it was set to be `well`."""
        session = self._kept(server) or await self._connect(server)
        try:
            yield session
        except BaseException:
            session.abort()
            raise
        self._give_back(server, session)

    def close(self) -> None:
        """Ends all."""
        for sessions in self._idle.values():
            for each in sessions:
                each.abort()
        self._idle.clear()

    def _kept(self, server: K) -> S | None:
        self._forget_old()
        idle = self._idle.get(server, [])
        while idle:
            session = idle.pop()
            if not session.is_closed:
                session.kept, session.well = True, False
                return session
            session.abort()
        return None

    def _give_back(self, server: K, session: S) -> None:
        idle = self._idle.setdefault(server, [])
        if not session.well or session.is_closed or len(idle) >= MOST_IDLE:
            session.abort()
            return
        session.since = asyncio.get_running_loop().time()
        idle.append(session)

    def _forget_old(self) -> None:
        oldest = asyncio.get_running_loop().time() - IDLE_S
        for server, sessions in list(self._idle.items()):
            for each in sessions:
                if each.since < oldest:
                    each.abort()
            fresh = [each for each in sessions if each.since >= oldest]
            if fresh:
                self._idle[server] = fresh
            else:
                del self._idle[server]

"""One connection to a server for threads that work on files: each thing is asked for and waited for, one after another.

A connection that broke, or whose server has another address now, is made anew for the next thing. What goes wrong is
an OSError, as with files of this machine.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncssh

from connectors.sftp.address import Server
from connectors.sftp.failures import FAILURES, broke, explained
from connectors.sftp.sessions import Session, connected
from schemas.reasons import Reason

T = TypeVar("T")
PATIENCE_S = 60.0  # for one thing, connecting included
_ERRNO = {Reason.NOT_FOUND: errno.ENOENT, Reason.FORBIDDEN: errno.EACCES}


class Line:
    """A connection that is there when it is needed. `server` says where, as it is now; it may raise Refused."""

    def __init__(self, server: Callable[[], Server]) -> None:
        self._server = server
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._to: Server | None = None
        self.made = 0  # connections so far: a handle is good on the one that it was made on
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """What the work gives; paths are below the folder of the server.

        Raises OSError. Never called on an event loop, since it blocks.
        """
        with self._lock:
            if self._loop.is_closed():
                raise OSError(errno.ENOTCONN, "the connection was closed")
            return asyncio.run_coroutine_threadsafe(self._done(work), self._loop).result()

    def close(self) -> None:
        """Ends the connection and its thread."""
        with self._lock:
            if not self._loop.is_closed():
                asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()

    async def _done(self, work: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await work((await self._connected()).client)
        except TimeoutError:
            self._cut()
            raise OSError(errno.ETIMEDOUT, "the server does not answer in time") from None
        except FAILURES as error:
            reason, what = explained(error)
            if broke(error):
                self._cut()
            if isinstance(error, OSError) and not isinstance(error, asyncssh.Error):
                what = error.strerror or what
            raise OSError(_ERRNO.get(reason, errno.EIO), what) from error

    async def _connected(self) -> Session:
        server = self._server()
        if self._session is None or self._to != server or self._session.connection.is_closed():
            self._cut()
            self._session, self._to = await connected(server), server
            self.made += 1
            await self._session.client.chdir(server.folder)
        return self._session

    async def _end(self) -> None:
        """Cuts the connection, and lets what the library has under way end."""
        self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _cut(self) -> None:
        if self._session is not None:
            self._session.abort()
        self._session = None

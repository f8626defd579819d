"""Connections to AMQP servers, with one channel each."""

from __future__ import annotations

import asyncio
import ssl

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection

from connectors.amqp.address import Server
from connectors.amqp.frames import Frames
from connectors.hub import sessions
from connectors.hub.contract import Refused
from connectors.hub.tls import context
from schemas.reasons import Reason

CLOSE_S = 2.0


class Line(sessions.Session):
    """A connection that is one call's."""

    def __init__(
        self, connection: AbstractConnection, channel: AbstractChannel, ending: set[asyncio.Task[None]]
    ) -> None:
        """`ending` is where its end is kept until it has come."""
        self.connection = connection
        self.channel = channel
        self._ending = ending
        self._ended = False

    @property
    def is_closed(self) -> bool:
        return self._ended or self.connection.is_closed or self.channel.is_closed

    def abort(self) -> None:
        if not self._ended:
            self._ended = True
            task = asyncio.create_task(closed(self.connection))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


class Lines:
    """Makes connections, and knows those that are about to end."""

    def __init__(self) -> None:
        self._ending: set[asyncio.Task[None]] = set()

    async def connected(self, server: Server) -> Line:
        """A new one, whose channel has messages confirmed. Raises AMQPError, OSError, or Refused."""
        connection = connection_to(server)
        await connection.connect()
        try:
            return Line(connection, await connection.channel(), self._ending)
        except BaseException:
            await asyncio.shield(closed(connection))
            raise

    async def ended(self) -> None:
        """Returns once those that were ended are gone."""
        await asyncio.gather(*self._ending)


def connection_to(server: Server) -> aiormq.Connection:
    """A connection that is not made yet. Raises Refused."""
    return aiormq.Connection(server.url, context=_context(server), transport_factory=Frames(server.secure))


def _context(server: Server) -> ssl.SSLContext | None:
    """What TLS begins with, where the server speaks it. Raises Refused."""
    try:
        return context(server.tls) if server.secure else None
    except ValueError:
        raise Refused(Reason.MISCONFIGURED, "its certificates are none") from None


async def closed(connection: AbstractConnection) -> None:
    """Ends a connection, in good order where the server still answers."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await connection.close()
    except (TimeoutError, aiormq.AMQPError, OSError):
        return

"""Connections to SFTP servers: each is one call's at a time, and kept for the next one if the call has ended well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncssh

from connectors.sftp.address import Server, private_key, public_key

MOST_IDLE = 4  # of one server
IDLE_S = 60.0


@dataclass(slots=True)
class Session:
    """A connection that is one call's."""

    connection: asyncssh.SSHClientConnection
    client: asyncssh.SFTPClient
    kept: bool = False  # from an earlier call
    well: bool = False  # whether the next call may have it
    since: float = field(default=0.0)

    def abort(self) -> None:
        """Ends it at once; whoever waits for an answer hears it."""
        self.connection.abort()


class Sessions:
    """Those that are idle, by server."""

    def __init__(self) -> None:
        self._idle: dict[Server, list[Session]] = {}

    @asynccontextmanager
    async def lent(self, server: Server) -> AsyncIterator[Session]:
        """A connection; raises what asyncssh raises, or OSError. It is given back where it was set to be `well`."""
        session = self._kept(server) or await connected(server)
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

    def _kept(self, server: Server) -> Session | None:
        self._forget_old()
        idle = self._idle.get(server, [])
        session = idle.pop() if idle else None
        if session is not None:
            session.kept, session.well = True, False
        return session

    def _give_back(self, server: Server, session: Session) -> None:
        idle = self._idle.setdefault(server, [])
        if not session.well or session.connection.is_closed() or len(idle) >= MOST_IDLE:
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


async def connected(server: Server) -> Session:
    """A new connection, to the server that has one of the pinned keys and no other. Reads no file of this machine."""
    connection = await asyncssh.connect(
        server.host,
        server.port,
        config=None,
        username=server.user,
        password=server.password,
        client_keys=[private_key(server.ssh.key)] if server.ssh.key else None,
        known_hosts=([public_key(each) for each in server.ssh.host_keys], [], []),
        agent_path=None,
        x509_trusted_certs=None,
        gss_host=None,
        keepalive_interval=15,
    )
    try:
        return Session(connection, await connection.start_sftp_client())
    except BaseException:
        connection.abort()
        raise

"""Connections to SFTP servers."""

from __future__ import annotations

import asyncssh

from connectors.hub import sessions
from connectors.sftp.address import Server, private_key, public_key


class Session(sessions.Session):
    """A connection that is one call's."""

    def __init__(self, connection: asyncssh.SSHClientConnection, client: asyncssh.SFTPClient) -> None:
        self.connection = connection
        self.client = client

    @property
    def is_closed(self) -> bool:
        return self.connection.is_closed()

    def abort(self) -> None:
        self.connection.abort()


async def connected(server: Server) -> Session:
    """A new connection, to the server that has one of the pinned keys and no other. Reads no file of this machine.

    Raises what asyncssh raises, or OSError.
    """
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

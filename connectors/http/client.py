"""The client: sessions of aiohttp that send a request at most once, and only where the policy lets it go.

aiohttp on its own sends GET, PUT and DELETE again when the connection drops before an answer, pooled or not; a
middleware turns that error into one that it does not repeat.

Connections are kept for requests that may be made again. Any other gets one of its own: a kept connection that the
server closes in the same moment would leave its effect in doubt. Where a kept connection has broken under a request,
its origin gets fresh ones until all that were kept are too old to be used, so that what follows does not break too.
"""

from __future__ import annotations

import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from connectors.hub.policy import Policy

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

KEPT_S = 4.0  # without a request; many servers close connections after five
MOST_DISTRUSTED = 1_000


class BrokenOffError(aiohttp.ClientError):
    """The connection dropped after the request may have gone out."""


@dataclass(slots=True)
class Progress:
    """How far a request has come; filled by the connector, and by whoever reads the answer."""

    connected: bool = False  # from here on, bytes may have left
    kept: bool = False  # by a connection that an earlier request has used
    made: bool = False  # a connection has to be made for it
    status: int | None = None
    complete: bool = False  # the answer is there, to its last byte

    def begin(self) -> None:
        """Nothing has left yet, again."""
        self.connected = self.kept = self.complete = False
        self.status = None


PROGRESS: ContextVar[Progress] = ContextVar("progress")  # of the request that is made in this context


class Client:
    """Sessions that keep connections, and sessions that do not; two of each.

    Where the site gave the address, it is trusted to the end of the call, whatever the site says by then.
    """

    def __init__(self, policy: Policy, pool_size: int) -> None:
        both = (False, True)
        self._sessions = {
            (keep, named): _session(None if named else policy, keep, pool_size) for keep in both for named in both
        }
        self._distrusted: dict[URL, float] = {}  # origins whose kept connections broke, and until when

    def session(self, origin: URL, *, keep: bool, named: bool) -> aiohttp.ClientSession:
        """The session for such a request."""
        if keep and self._distrusted and time.monotonic() < self._distrusted.get(origin, 0):
            keep = False
        return self._sessions[keep, named]

    def distrust(self, origin: URL) -> None:
        """A kept connection has broken before an answer: the others may be no better."""
        now = time.monotonic()
        if len(self._distrusted) >= MOST_DISTRUSTED:
            self._distrusted = {each: until for each, until in self._distrusted.items() if until > now}
        self._distrusted[origin] = now + KEPT_S

    async def close(self) -> None:
        """Closes all connections."""
        for session in self._sessions.values():
            await session.close()


class GuardedResolver(AbstractResolver):
    """Resolves names, and lets no address through that the policy forbids."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses; raises Refused if one of them is forbidden, OSError if there are none."""
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            self._policy.check_address(host, each["host"])
        return found

    async def close(self) -> None:
        """Nothing to let go of."""
        await self._resolver.close()


class GuardedSocket:
    """Makes the socket of each attempt to connect, once the policy has seen the very address that it goes to."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __call__(self, address: Any) -> socket.socket:
        """A socket for an entry of `getaddrinfo`. Raises Refused."""
        family, kind, protocol, _, (host, *_) = address
        self._policy.check_address(host, host)
        return socket.socket(family, kind, protocol)


class Connector(aiohttp.TCPConnector):
    """Notes in the `Progress` of a request whether it is connected, and by which kind of connection.

    aiohttp's tracing tells it, too; it takes a seventh of a call's time.
    """

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """See `aiohttp.BaseConnector`."""
        progress = PROGRESS.get()
        progress.made = False  # two requests may be one call: one that asks for a proof, one that brings it
        connection = await super().connect(req, traces, timeout)
        progress.connected, progress.kept = True, not progress.made
        return connection

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        PROGRESS.get().made = True
        return await super()._create_connection(req, traces, timeout)


def _session(policy: Policy | None, keep: bool, pool_size: int) -> aiohttp.ClientSession:
    connector = Connector(
        resolver=aiohttp.ThreadedResolver() if policy is None else GuardedResolver(policy),
        socket_factory=None if policy is None else GuardedSocket(policy),
        limit=pool_size,
        **({"keepalive_timeout": KEPT_S} if keep else {"force_close": True}),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,  # `reply` does it, within its bound
        skip_auto_headers=("Content-Type",),
        headers={"User-Agent": "exlify", "Accept-Encoding": "gzip, deflate"},
        middlewares=(at_most_once,),
    )


async def at_most_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Turns what aiohttp would answer with a second request into an error that it does not."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # not connected: aiohttp does not repeat it
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise BrokenOffError(type(error).__name__) from error

"""Which server a connection is, and as whom. No password goes in clear, but to this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from yarl import URL

from connectors.hub.contract import Refused
from connectors.hub.identity import Tls
from connectors.hub.loopback import is_here
from connectors.hub.servers import split
from schemas.reasons import Reason

DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}
HEARTBEAT_S = 15
_LIKE = "write amqps://USER:PASSWORD@HOST/VHOST, or amqp://HOST"


@dataclass(frozen=True, slots=True)
class Server:
    """Where queues are, and who asks for them; equal ones share connections."""

    host: str
    port: int
    secure: bool
    vhost: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    tls: Tls

    @property
    def url(self) -> URL:
        """How the client is told. It knows more that an address can say, and no site says it."""
        said = {"heartbeat": str(HEARTBEAT_S), "name": "exlify"}
        if not self.user and self.tls.certificate:
            said["auth"] = "external"
        return URL.build(
            scheme="amqps" if self.secure else "amqp",
            user=self.user or None,
            password=self.password or None,
            host=self.host,
            port=self.port,
            path="/" + ("" if self.vhost == "/" else self.vhost),
            query=said,
        )


def server_of(name: str, url: str, tls: Tls | None) -> Server:
    """The server of the connection called `name`. Raises Refused (MISCONFIGURED)."""
    parts = split(url, DEFAULT_PORTS)
    if parts is None or parts.query:
        raise _misconfigured(name, f"is no AMQP server; {_LIKE}")
    secure = parts.scheme == "amqps"
    if not secure and not is_here(parts.host):
        raise _misconfigured(name, "would send a password in clear; write amqps://")
    vhost = unquote(parts.path.removeprefix("/")) or "/"
    return Server(parts.host, parts.port, secure, vhost, parts.user or "", parts.password or "", tls or Tls())


def _misconfigured(name: str, what: str) -> Refused:
    return Refused(Reason.MISCONFIGURED, f"connection {name} {what}")

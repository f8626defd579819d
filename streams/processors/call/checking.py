"""Whether the system behind a connection can be reached now: looked at from here, and nothing is done to it.

A system that speaks HTTP, SMTP or IMAP is connected to, with TLS where the address says so; no request is sent, since
any could have an effect. A database is asked for the number 1, a server of SFTP for the names in its folder, a cluster
of Kafka for its topics, a server of AMQP for a queue, with the credentials of the connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.hub.contract import HubCall
from connectors.hub.identity import Tls
from connectors.hub.pipeline import Hub
from connectors.hub.tls import context
from schemas.reasons import Reason

PATIENCE_S = 5.0
ANY_QUEUE = "amq.rabbitmq.reply-to"  # RabbitMQ has it always; another server says that it does not
_PORTS = {"http": 80, "https": 443, "smtp": 25, "smtps": 465, "imap": 143, "imaps": 993}
_LOOKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {  # else it is a database
    "sftp": ("sftp.list", {}),
    "kafka": ("kafka.topics", {}),
    "kafkas": ("kafka.topics", {}),
    "amqp": ("amqp.queue", {"queue": ANY_QUEUE}),
    "amqps": ("amqp.queue", {"queue": ANY_QUEUE}),
}
_ANSWERS = (
    Reason.REPLY_TOO_LARGE,  # a folder with many files, a cluster with many topics
    Reason.NOT_FOUND,  # a server without this queue
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look has shown."""

    name: str
    reason: str
    detail: str
    ms: int

    @property
    def ok(self) -> bool:
        """Whether it can be reached."""
        return self.reason == Reason.OK


async def check(name: str, url: str, hub: Hub, tls: Tls | None = None) -> Checked:
    """Looks at one connection, with its certificates if it has some."""
    started = time.monotonic()
    parts = urlsplit(url)
    if parts.scheme in _PORTS:
        reason, detail = await _connected(url, tls)
    elif parts.scheme == "file":
        there = await asyncio.to_thread(os.path.isdir, unquote(parts.path))
        reason, detail = (Reason.OK, "the folder is there") if there else (Reason.UNREACHED, "the folder is not there")
    else:
        function, more = _LOOKS.get(parts.scheme, ("sql.query", {"statement": "SELECT 1 AS one"}))
        reason, detail = await _asked(function, {"connection": name, **more}, hub)
    return Checked(name, reason, detail, int((time.monotonic() - started) * 1_000))


async def _connected(url: str, tls: Tls | None) -> tuple[str, str]:
    parts = urlsplit(url)
    secure = context(tls or Tls()) if parts.scheme in ("https", "smtps", "imaps") else None
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or _PORTS[parts.scheme], ssl=secure)
        writer.close()
    except TimeoutError:
        return Reason.TIMED_OUT, f"no connection within {PATIENCE_S:.0f} s"
    except ssl.SSLError as error:
        return Reason.UNREACHED, f"TLS failed: {error.reason or type(error).__name__}"
    except socket.gaierror:
        return Reason.UNREACHED, "the name could not be resolved"
    except OSError as error:
        return Reason.UNREACHED, f"no connection: {error.strerror or type(error).__name__}"
    return Reason.OK, "connected" if secure is None else "connected, and its certificate is valid"


async def _asked(function: str, arguments: dict[str, Any], hub: Hub) -> tuple[str, str]:
    deadline_ms = int((time.time() + PATIENCE_S) * 1_000)
    outcome = await hub.carry_out(HubCall(function=function, arguments=arguments, key="check", deadline_ms=deadline_ms))
    if outcome.reason in _ANSWERS:
        return Reason.OK, "answered"
    return outcome.reason, "answered" if outcome.ok else outcome.detail

"""Which cluster a connection is, and as whom: from its address to the settings of a client.

No password goes in clear, but to this machine: a user needs `kafkas://`, or a mechanism that proves and does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from connectors.hub.contract import Refused
from connectors.hub.identity import Tls
from connectors.hub.loopback import is_here
from schemas.reasons import Reason

SCHEMES = ("kafka", "kafkas")
PROVING = ("SCRAM-SHA-256", "SCRAM-SHA-512")  # the password is not sent
MECHANISMS = ("PLAIN", *PROVING)
_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
DEFAULT_PORT = 9092
_LIKE = (
    "write kafkas://USER:PASSWORD@HOST:PORT, or kafka://HOST:PORT, and further servers as ?servers=HOST:PORT,HOST:PORT"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where messages go, and as whom; equal ones share clients."""

    servers: str
    secure: bool
    mechanism: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    tls: Tls

    def settings(self) -> Mapping[str, str]:
        """How librdkafka is told."""
        protocol = f"{'SASL_' if self.user else ''}{'SSL' if self.secure else 'PLAINTEXT'}"
        settings = {"bootstrap.servers": self.servers, "security.protocol": protocol}
        if self.user:
            settings |= {"sasl.mechanism": self.mechanism}
            settings |= {"sasl.username": self.user, "sasl.password": self.password}
        pems = (
            ("ssl.ca.pem", self.tls.authority),
            ("ssl.certificate.pem", self.tls.certificate),
            ("ssl.key.pem", self.tls.key),
        )
        return settings | {name: pem for name, pem in pems if pem and self.secure}


def cluster_of(name: str, url: str, tls: Tls | None) -> Cluster:
    """The cluster of the connection called `name`. Raises Refused (MISCONFIGURED)."""
    try:
        parts = urlsplit(url)
        first = f"{_bracketed(parts.hostname or '')}:{parts.port or DEFAULT_PORT}"
        said = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:  # it may quote a part of the password
        raise _misconfigured(name, f"is no Kafka cluster; {_LIKE}") from None
    servers = (first, *filter(None, said.pop("servers", "").split(",")))
    known = parts.scheme in SCHEMES and parts.path in ("", "/")
    if not known or not all(_SERVER.fullmatch(each) for each in servers):
        raise _misconfigured(name, f"is no Kafka cluster; {_LIKE}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    secure = parts.scheme == "kafkas"
    mechanism = said.pop("mechanism", "PLAIN")
    if said or mechanism not in MECHANISMS:
        raise _misconfigured(name, f"says more than a cluster has; leave it out, or write ?mechanism={PROVING[-1]}")
    if (
        user
        and not secure
        and mechanism not in PROVING
        and not all(is_here(each.rpartition(":")[0].strip("[]")) for each in servers)
    ):
        raise _misconfigured(name, f"would send a password in clear; write kafkas://, or ?mechanism={PROVING[-1]}")
    return Cluster(",".join(servers), secure, mechanism, user, password, tls or Tls())


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _misconfigured(name: str, what: str) -> Refused:
    return Refused(Reason.MISCONFIGURED, f"connection {name} {what}")

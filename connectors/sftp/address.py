"""Which server a connection is, as whom, and by which key it is known: one without a pinned key is not spoken to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

import asyncssh

from connectors.hub.contract import Refused
from connectors.hub.identity import Ssh
from connectors.hub.servers import split
from schemas.reasons import Reason

DEFAULT_PORTS = {"sftp": 22}


@dataclass(frozen=True, slots=True)
class Server:
    """Where files are, and who asks for them."""

    name: str  # of the connection
    host: str
    port: int
    folder: str
    user: str = field(repr=False)
    password: str | None = field(repr=False)
    ssh: Ssh
    url: str = field(repr=False)


def server_of(name: str, url: str, ssh: Ssh | None) -> Server:
    """The server of the connection called `name`. Raises Refused (MISCONFIGURED)."""
    parts = split(url, DEFAULT_PORTS)
    if parts is None or not parts.user:
        raise _misconfigured(name, "is no SFTP server; write sftp://USER@HOST/FOLDER")
    if ssh is None or not ssh.host_keys:
        remedy = "write it beside `url`: ssh: {hostKey: 'ssh-ed25519 AAAA...'}"
        raise _misconfigured(name, f"has no host key; {remedy}, as `ssh-keyscan` shows it and its owner confirms it")
    if parts.password is None and not ssh.key:
        raise _misconfigured(name, "has neither a key nor a password; write ssh: {key: '${file:PATH}'}")
    folder = unquote(parts.path) or "."
    return Server(name, parts.host, parts.port, folder, parts.user, parts.password, ssh, url)


@lru_cache(maxsize=256)
def public_key(text: str) -> asyncssh.SSHKey:
    """A host key as `ssh-keyscan` shows it, without the host. Raises ValueError."""
    try:
        return asyncssh.import_public_key(text)
    except (asyncssh.KeyImportError, ValueError):
        raise ValueError from None  # what it says may quote from the text


@lru_cache(maxsize=256)
def private_key(text: str) -> asyncssh.SSHKey:
    """Our own key. Raises ValueError."""
    try:
        return asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        raise ValueError from None


def _misconfigured(name: str, what: str) -> Refused:
    return Refused(Reason.MISCONFIGURED, f"connection {name} {what}")

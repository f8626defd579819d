"""Addresses of servers, `scheme://USER:PASSWORD@HOST:PORT/PATH?QUERY`, taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Parts:
    """What an address says; user and password are None where it has none."""

    scheme: str
    host: str
    port: int
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    path: str  # as it is written
    query: str


def split(url: str, ports: Mapping[str, int]) -> Parts | None:
    """The parts of an address with one of these schemes, each with its usual port; None for any other text.

    Why it is none is not told: that may quote a part of the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or ports.get(parts.scheme)
    except ValueError:
        return None
    if port is None or parts.scheme not in ports or not parts.hostname:
        return None
    user, password = (None if each is None else unquote(each) for each in (parts.username, parts.password))
    return Parts(parts.scheme, parts.hostname, port, user, password, parts.path, parts.query)

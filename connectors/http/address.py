"""Addresses: what a definition gives goes out as it is given.

An address that is valid keeps every character of its path and query, since a signature may cover them, and `%2F` is
not `/`. In one that is not, what may not stand in an address is encoded, and nothing else. Segments `.` and `..` are
refused however they are written: whoever passes a request on takes them out, and with data in them the request would
go elsewhere. So a path leads where the definition, or the site, says, and never above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from yarl import URL

from connectors.codecs.scalars import text as scalar
from schemas.payload import Json

NAMED = "connection"
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?", re.DOTALL)  # a fragment is not sent
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_TO_ENCODE = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|%(?![0-9A-Fa-f]{2})")
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:[/;]|$)", re.IGNORECASE)  # what follows a semicolon is none of the name
# Most addresses: nothing to encode, and no segment that begins with a dot.
_PLAIN = re.compile(
    r"(https?|connection)://([a-z0-9.:-]+)((?:/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*)?)*)(?:\?([A-Za-z0-9._~&=+,:/-]*))?"
)
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^\s\x00-\x2c/:;<=>?@\[\\\]^`{|}]+")
SAFE_IN_QUERY = "/:@?,!$'()*-._~"


class AddressError(ValueError):
    """What is wrong with an address; it quotes nothing of it."""


class Address(NamedTuple):
    """An address in its parts: path and query as they are sent."""

    scheme: str
    authority: str
    path: str
    query: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")


def parse(text: str) -> Address:
    """The parts of an address; raises AddressError."""
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return Address(plain[1], plain[2], plain[3], plain[4] or "")
    found = _PARTS.match(text)
    if found is None or _CONTROL.search(text):
        raise AddressError("is no http or https address with a host" if found is None else "holds control characters")
    scheme, authority, path, query = found.groups()
    path = minimal(path)
    if _DOTS.search(path):
        raise AddressError("has . or .. as a segment of its path")
    return Address(scheme.lower(), authority, path, minimal(query[1:]) if query else "")


def origin(address: Address) -> URL:
    """Scheme, host and port of an http address, with user and password if it has them. Raises AddressError."""
    found = _origin(address.scheme, address.authority)
    if found is None:
        raise AddressError("is no http or https address with a host")
    return found


@lru_cache(maxsize=512)
def _origin(scheme: str, authority: str) -> URL | None:
    if scheme not in ("http", "https") or not _HOST.fullmatch(_host(authority)):
        return None
    try:
        url = URL(f"{scheme}://{authority}")
        return url if url.host else None
    except (ValueError, IndexError):  # the second is a slip of the library's
        return None


def url(start: URL, path: str, query: str) -> URL:
    """The address to call: at this origin, without user and password."""
    host = start.raw_host or ""
    port = "" if start.explicit_port is None else f":{start.explicit_port}"
    return URL.build(
        scheme=start.scheme,
        authority=f"[{host}]{port}" if ":" in host else f"{host}{port}",
        path=path or "/",
        query_string=query,
        encoded=True,
    )


def minimal(part: str) -> str:
    """A path or query in which everything may stand in an address; one where it may already stays as it is."""
    return _TO_ENCODE.sub(lambda found: quote(found[0], safe=""), part) if part else ""


def query_of(members: Mapping[str, Json]) -> str:
    """The query of names and values; a list repeats its name. Raises CodecError."""
    return "&".join(f"{_encoded(name)}={_encoded(scalar(each))}" for name, each in _pairs(members)) if members else ""


def joined(query: str, more: str) -> str:
    """One query of two, each as it is."""
    return f"{query}&{more}" if query and more else query or more


def _pairs(members: Mapping[str, Json]) -> Iterable[tuple[str, Json]]:
    for name, many in members.items():
        yield from ((name, each) for each in (many if isinstance(many, list) else (many,)))


def _encoded(text: str) -> str:
    return quote_plus(text, safe=SAFE_IN_QUERY)


def _host(authority: str) -> str:
    host = authority.rpartition("@")[2]
    return host if host.endswith("]") else host.rpartition(":")[0] or host

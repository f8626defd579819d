"""Names of outside systems, as definitions use them, and their addresses, as the site gives them.

A definition says `connection: compliance` or `connection://erp/accounts`; where that is, and with which credentials, is
said by `connections.yaml` in the site folder, or by `EXLIFY_CONNECTION_COMPLIANCE` and `EXLIFY_CONNECTION_ERP`. So the
same definition runs everywhere and never holds a secret. Addresses may change while calls run: a call takes the one of
the moment when it is planned, and keeps it to its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.hub.contract import Refused
from connectors.hub.identity import Identity, IdentityOf, nobody
from connectors.hub.secrets import SecretsOf, no_secrets, told
from schemas.reasons import Reason

PREFIX = "EXLIFY_CONNECTION_"
_ADDRESS = re.compile(r"connection://([^/?]+)")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")

Source = Callable[[], Mapping[str, str]]
"""Gives the addresses by name as they are now. It is asked at every call, in any thread, so it answers from memory.

A mapping that it has given does not change: when an address does, it gives another mapping.
"""


ApiOf = Callable[[str], Mapping[str, Any]]
"""What a connection can do by its document, by the folded name that the site gave it; empty where it has none."""


PagesOf = Callable[[str], Mapping[str, Any]]
"""How the lists of a connection are divided, by the folded name that the site gave it; empty where nothing is said."""


def undocumented(name: str) -> Mapping[str, Any]:
    """Nothing is said of a connection."""
    return {}


class Connections:
    """Addresses by name; case, and which of hyphen, underscore and dot a name has, make no difference."""

    def __init__(
        self,
        addresses: Source | Mapping[str, str],
        identity_of: IdentityOf = nobody,
        api_of: ApiOf = undocumented,
        pages_of: PagesOf = undocumented,
        secrets_of: SecretsOf = no_secrets,
    ) -> None:
        self._source = _always(addresses) if isinstance(addresses, Mapping) else addresses
        self._identity_of = identity_of
        self._api_of = api_of
        self._pages_of = pages_of
        self._secrets_of = secrets_of
        given = self._source()
        self._latest = (given, _Addresses.of(given))

    def url(self, name: str) -> str:
        """The address now; raises Refused (MISCONFIGURED) that says where to write it."""
        known = folded(name)
        url = self._now().by_name.get(known)
        if url is not None:
            return url
        if not _NAME.fullmatch(known):  # may be data, so it is not quoted
            raise Refused(Reason.INPUT_INVALID, "connection is no name; write letters, digits and hyphens: core-bank")
        variable = PREFIX + known.upper().replace("-", "_")
        remedy = f"add it to connections.yaml in the site folder, or set {variable}"
        raise Refused(Reason.MISCONFIGURED, f"connection {known} has no address; {remedy}")

    def identity(self, name: str) -> Identity:
        """As whom a connection calls now."""
        return self._identity_of(folded(name))

    def api(self, name: str) -> Mapping[str, Any]:
        """What the connection can do by its document."""
        return self._api_of(folded(name))

    def pages(self, name: str) -> Mapping[str, Any]:
        """How its lists are divided into pages, where a call does not say it."""
        return self._pages_of(folded(name))

    def secret(self, name: str, member: str, host: str) -> str:
        """A secret of the site for a call to this host. Raises Refused."""
        return told(self._secrets_of, name, member, host)

    def is_current(self, url: str) -> bool:
        """Whether some connection has this address now."""
        return url in self._now().urls

    def _now(self) -> _Addresses:
        given, addresses = self._latest
        now = self._source()
        if now is not given:
            addresses = _Addresses.of(now)
            self._latest = (now, addresses)
        return addresses


@dataclass(frozen=True, slots=True)
class _Addresses:
    """What one mapping says, ready to be asked."""

    by_name: Mapping[str, str] = field(repr=False)
    urls: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, given: Mapping[str, str]) -> _Addresses:
        by_name = {folded(name): url for name, url in given.items()}
        return cls(by_name, frozenset(by_name.values()))


def named(arguments: Mapping[str, Any]) -> Iterator[str]:
    """The connection that the arguments of a call name, where that is no matter of data."""
    endpoint, document = arguments.get("endpoint"), arguments.get("document")
    found = [arguments.get("connection")]
    for address in (
        endpoint.get("uri") if isinstance(endpoint, dict) else endpoint,
        document.get("endpoint") if isinstance(document, dict) else None,
    ):
        if isinstance(address, str) and (at := _ADDRESS.match(address)):
            found.append(at[1])
    yield from (folded(name) for name in found if isinstance(name, str) and "{" not in name)


def _always(addresses: Mapping[str, str]) -> Source:
    return lambda: addresses


def folded(name: str) -> str:
    """A name as it is compared."""
    return name.lower().replace("_", "-").replace(".", "-")

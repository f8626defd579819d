"""Where outside systems are, by the names that definitions use: environment over `connections.yaml` over the sandbox.

    core-bank: https://bank.example.com/api
    ledger:
      url: postgresql://exlify:${env:LEDGER_PASSWORD}@db.example.com/ledger
      concurrency: 4      # calls under way at once, in each worker
      rate: 20/s          # calls in each worker: N/s, N/min or N/h
      timeout: 10m        # how long one try may take, from sending to the answer
      patience: 10m       # how long a call waits while the system is not well, before it fails
      recovery: {retries: 5, delay: 2s, cap: 1m}   # how a call is tried again whose definition does not say it
      pages: {by: link}   # how its lists are divided, for calls that ask for all pages
      cost: 0.02          # of each try of a call, in the currency of the site
      openapi: ${file:ledger.openapi.json}         # for `call: openapi`; `exlify connections add` makes it
      asyncapi: ${file:warehouse.asyncapi.yaml}    # for `call: asyncapi`, in place of the other
      authentication: ...                          # as whom it calls, and `tls`: `identities.py` has both

A password stands in the environment or in a file of its own, written as the address wants it (`@` is %40). Case makes
no difference to a name, nor which of `-`, `_` and `.` it has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from connectors.asyncapi.document import AsyncOperation
from connectors.http.openapi import NO_API, ApiOperation
from connectors.hub.identity import NOBODY, Identity
from connectors.hub.limits import LONGEST_TRY_S, ConnectionLimits
from connectors.hub.secrets import Secret
from schemas.recovery import Policy
from streams.ground.kinds import checked
from streams.ground.references import without_references
from streams.ground.setting import Group, family, fold
from streams.ground.settings import Settings
from streams.processors.call.documents import read_async_document, read_document
from streams.processors.call.identities import MEMBERS, read_identity
from streams.processors.call.policies import duration_ms, read_policy
from streams.processors.call.secrets import FILE as SECRETS
from streams.processors.call.secrets import read_secrets

if TYPE_CHECKING:
    from streams.ground.site import Site
    from streams.ground.site_yaml import Part

AnyOperation = ApiOperation | AsyncOperation

FILE = "connections.yaml"
SHAPE = "an address such as https://HOST/PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_RATE = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)/(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3_600}
MOST_AT_ONCE = 1_000
MOST_COST = 1_000_000_000.0
USUAL = ConnectionLimits()
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")  # folded


def is_address(text: str) -> bool:
    """Whether it can be the address of an outside system, of whatever kind."""
    try:
        urlsplit(text).port  # noqa: B018  # raises ValueError for what is no port
    except ValueError:
        return False
    return _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings(Group):
    """Outside systems."""

    urls: Mapping[str, str] = family(
        "EXLIFY_CONNECTION_<NAME>",
        "Address of an outside system, by the name that definitions use; default: connections.yaml of the site folder, "
        "then the local sandbox",
        kind=checked(is_address, SHAPE),
        secret=True,
    )


@dataclass(frozen=True, slots=True)
class Given:
    """What the file says of one connection."""

    url: str = field(repr=False)
    limits: ConnectionLimits = USUAL
    recovery: Policy | None = None
    identity: Identity = NOBODY
    api: Mapping[str, AnyOperation] = field(default_factory=dict, repr=False)  # of its document
    cost: float = 0.0  # of a call
    pages: Mapping[str, Any] = field(default_factory=dict)  # how its lists are divided, where a call does not say it


class Described(NamedTuple):
    """What may be shown of a connection."""

    name: str
    origin: str  # where its address stands
    address: str
    credentials: bool
    limits: ConnectionLimits
    recovery: Policy | None
    ways: tuple[str, ...]  # as whom it calls: kinds of credentials, no word of them


class Addresses:
    """The addresses of this process, as they are now; whoever calls asks each time."""

    def __init__(self, settings: Settings, site: Site) -> None:
        """Raises ConfigurationError where the file is faulty."""
        self._given = settings.of(ConnectionSettings).urls
        self._sandbox = {fold(name): url for name, url in settings.endpoints.get("sandbox", {}).items()}
        self._file = site.file(FILE, read_connections)
        self._secrets = site.file(SECRETS, read_secrets)
        self._merged = (self._file.value, self._over(self._file.value))

    def limits(self, name: str) -> ConnectionLimits:
        """The limits of a connection now, by its folded name; the same object until they change."""
        given = self._file.value.get(name)
        return USUAL if given is None else given.limits

    def recovery(self, name: str) -> Policy | None:
        """How calls of a connection are tried again, by its folded name; None where nothing is said."""
        given = self._file.value.get(name)
        return None if given is None else given.recovery

    def costs(self) -> Mapping[str, float]:
        """What a call of each connection costs that costs anything, by folded name."""
        return {name: each.cost for name, each in self._file.value.items() if each.cost}

    def identity(self, name: str) -> Identity:
        """As whom a connection calls, by its folded name; whoever is given its address elsewhere calls as nobody."""
        given = self._file.value.get(name)
        return NOBODY if given is None or name in self._given else given.identity

    def api(self, name: str) -> Mapping[str, AnyOperation]:
        """What a connection can do by its document, by its folded name."""
        given = self._file.value.get(name)
        return NO_API if given is None else given.api

    def pages(self, name: str) -> Mapping[str, Any]:
        """How lists of a connection are divided, by its folded name."""
        given = self._file.value.get(name)
        return {} if given is None else given.pages

    def secret(self, name: str) -> Secret | None:
        """A secret that definitions name, now."""
        return self._secrets.value.get(name)

    def urls(self) -> Mapping[str, str]:
        """Addresses by folded name, the same object until one changes; never to be shown, they hold passwords."""
        written, merged = self._merged
        if written is not self._file.value:
            written = self._file.value
            merged = self._over(written)
            self._merged = (written, merged)
        return merged

    def address(self, name: str) -> str | None:
        """Where a connection is, as `described` tells it, by its folded name; None of one that is not there."""
        url = self.urls().get(name)
        return None if url is None else _shown(url)[0]

    def described(self) -> list[Described]:
        """Every connection as it may be shown: without paths, users and passwords, which may be secrets."""
        sources = [("sandbox", self._sandbox), (FILE, self._file.value), ("environment", self._given)]
        origins = {name: source for source, known in sources for name in known}
        urls = self.urls()
        return [self._described(name, origins[name], urls[name]) for name in sorted(urls)]

    def _described(self, name: str, origin: str, url: str) -> Described:
        address, user = _shown(url)
        ways = (("user",) if user else ()) + self.identity(name).kinds
        return Described(name, origin, address, bool(ways), self.limits(name), self.recovery(name), ways)

    def _over(self, written: Mapping[str, Given]) -> Mapping[str, str]:
        return {**self._sandbox, **{name: each.url for name, each in written.items()}, **self._given}


def read_connections(document: Part | None) -> Mapping[str, Given]:
    """What `connections.yaml` says; faults with their place."""
    found: dict[str, Given] = {}
    for name, part in document.members().items() if document else ():
        folded = fold(name).replace(".", "-")
        if not NAME.fullmatch(folded):
            part.fault(f"{name[:70]!r} is no name of a connection", "use letters, digits and hyphens")
        if folded in found:
            part.fault(f"`{name}` stands twice: case, `-`, `_` and `.` make no difference", "keep one of them")
        found[folded] = _given(part)
    return found


def _given(part: Part) -> Given:
    if not part.is_mapping:
        return Given(_address(part))
    members = part.only(
        "url",
        "concurrency",
        "rate",
        "timeout",
        "patience",
        "recovery",
        "cost",
        "openapi",
        "asyncapi",
        "pages",
        *MEMBERS,
    )
    if "url" not in members:
        part.fault("no url", f"add `url:` and {SHAPE}")
    limits = ConnectionLimits(
        concurrency=members["concurrency"].whole(1, MOST_AT_ONCE, "calls")
        if "concurrency" in members
        else USUAL.concurrency,
        per_s=_rate(members["rate"]) if "rate" in members else USUAL.per_s,
        timeout_s=_timeout_s(members["timeout"]) if "timeout" in members else USUAL.timeout_s,
        patience_s=duration_ms(members["patience"]) / 1_000 if "patience" in members else USUAL.patience_s,
    )
    recovery = read_policy(members["recovery"]) if "recovery" in members else None
    cost = price(members["cost"]) if "cost" in members else 0.0
    address = _address(members["url"])
    api: Mapping[str, AnyOperation] = read_document(members["openapi"]) if "openapi" in members else NO_API
    if "asyncapi" in members:
        if api:
            members["asyncapi"].fault("a second document", "give each document a connection of its own")
        api = read_async_document(members["asyncapi"])
    paged = read_pages(members["pages"]) if "pages" in members else {}
    return Given(address, limits, recovery, read_identity(members, address), api, cost, paged)


def read_pages(part: Part) -> Mapping[str, Any]:
    """How the lists of a connection are divided; faults with their place."""
    from connectors.http import pages
    from schemas.arguments import ArgumentError

    given = {name: each.plain() for name, each in part.only(*pages.OF_CONNECTION).items()}
    try:
        pages.read(pages.declared(given))
    except ArgumentError as error:
        what, _, remedy = str(error).partition("; ")
        part.fault(what.removeprefix("http: "), remedy or "see the README of connectors")
    return given


def price(part: Part) -> float:
    """What something costs."""
    try:
        found = float(part.scalar())
    except ValueError:
        found = math.nan
    if not 0 <= found <= MOST_COST:  # false for NaN, too
        part.fault("no price", "write a number, 0 or more, such as 0.02")
    return found


def _timeout_s(part: Part) -> float:
    found = duration_ms(part) / 1_000
    if not 0 < found <= LONGEST_TRY_S:
        part.fault("no time of a try", f"write one of up to {LONGEST_TRY_S / 60:g} minutes, such as 5m")
    return found


def _rate(part: Part) -> float:
    found = _RATE.fullmatch(part.scalar())
    if found is None or float(found[1]) <= 0:
        part.fault("no rate", "write so many calls and per what: 20/s, 100/min or 1000/h")
    return float(found[1]) / _SECONDS[found[2]]


def _address(part: Part) -> str:
    if _has_password(without_references(part.written())):
        part.fault("a password in the file", "write ${env:NAME} or ${file:PATH} in its place")
    address = part.text()
    if not is_address(address):
        part.fault("no address", f"write {SHAPE}")
    return address


def _shown(url: str) -> tuple[str, bool]:
    """Scheme, host and port of an address, and whether it holds credentials."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else ""), parts.username is not None


def _has_password(written: str) -> bool:
    try:
        return bool(urlsplit(written).password)
    except ValueError:
        return False

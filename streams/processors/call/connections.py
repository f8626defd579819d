"""Where outside systems are, by the names that definitions use: environment over `connections.yaml` over the sandbox.

    core-bank: https://bank.example.com/api
    ledger:
      url: postgresql://exlify:${env:LEDGER_PASSWORD}@db.example.com/ledger

A password stands in the environment or in a file of its own, written as the address wants it (`@` is %40). Case makes
no difference to a name, nor which of `-`, `_` and `.` it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from streams.ground.kinds import checked
from streams.ground.references import without_references
from streams.ground.setting import Group, family, fold
from streams.ground.settings import Settings

if TYPE_CHECKING:
    from streams.ground.site import Site
    from streams.ground.site_yaml import Part

FILE = "connections.yaml"
SHAPE = "an address such as https://HOST/PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")  # folded


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


class Addresses:
    """The addresses of this process, as they are now; whoever calls asks each time."""

    def __init__(self, settings: Settings, site: Site) -> None:
        """Raises ConfigurationError where the file is faulty."""
        self._given = settings.of(ConnectionSettings).urls
        self._sandbox = {fold(name): url for name, url in settings.endpoints.get("sandbox", {}).items()}
        self._file = site.file(FILE, read_connections)
        self._merged = (self._file.value, self._over(self._file.value))

    def urls(self) -> Mapping[str, str]:
        """Addresses by folded name, the same object until one changes; never to be shown, they hold passwords."""
        written, merged = self._merged
        if written is not self._file.value:
            written = self._file.value
            merged = self._over(written)
            self._merged = (written, merged)
        return merged

    def _over(self, written: Mapping[str, str]) -> Mapping[str, str]:
        return {**self._sandbox, **written, **self._given}


def read_connections(document: Part | None) -> Mapping[str, str]:
    """What `connections.yaml` says; faults with their place."""
    found: dict[str, str] = {}
    for name, part in document.members().items() if document else ():
        folded = fold(name).replace(".", "-")
        if not _NAME.fullmatch(folded):
            part.fault(f"{name[:70]!r} is no name of a connection", "use letters, digits and hyphens")
        if folded in found:
            part.fault(f"`{name}` stands twice: case, `-`, `_` and `.` make no difference", "keep one of them")
        found[folded] = _address(part)
    return found


def _address(part: Part) -> str:
    if part.is_mapping:
        members = part.only("url")
        part = members["url"] if "url" in members else part.fault("no url", f"add `url:` and {SHAPE}")
    if _has_password(without_references(part.written())):
        part.fault("a password in the file", "write ${env:NAME} or ${file:PATH} in its place")
    address = part.text()
    if not is_address(address):
        part.fault("no address", f"write {SHAPE}")
    return address


def _has_password(written: str) -> bool:
    try:
        return bool(urlsplit(written).password)
    except ValueError:
        return False

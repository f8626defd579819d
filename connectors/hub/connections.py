"""Names of outside systems, as definitions use them, and their addresses, as settings give them.

A definition says `connection: compliance` or `connection://erp/accounts`; where that is, and with which credentials,
is said by `EXLIFY_CONNECTION_COMPLIANCE` and `EXLIFY_CONNECTION_ERP`. So the same definition runs everywhere and
never holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.hub.contract import Refused
from schemas.reasons import Reason

PREFIX = "EXLIFY_CONNECTION_"


class Connections:
    """Addresses by name; case, hyphen and underscore of a name make no difference."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = {_fold(name): url for name, url in urls.items()}

    def url(self, name: str) -> str:
        """The address; raises Refused (MISCONFIGURED) naming the variable to set."""
        try:
            return self._urls[_fold(name)]
        except KeyError:
            variable = PREFIX + _fold(name).upper().replace("-", "_")
            raise Refused(Reason.MISCONFIGURED, f"connection {name!r} has no address; set {variable}") from None

    def urls(self) -> tuple[str, ...]:
        """All addresses."""
        return tuple(self._urls.values())


def _fold(name: str) -> str:
    return name.lower().replace("_", "-")

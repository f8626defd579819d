"""What a connector is, before its client is loaded: its operations and where its code stands."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.functions import Function


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One connector. `make` is "module:Class", called with the connections and the policy of the hub.

    `operations` is what it can do: its class has one method for each.
    """

    name: str
    summary: str
    make: str
    operations: tuple[Function, ...]
    accepts: tuple[str, ...] = ()  # classes of personal data that its connections may be given; none unless said
    large: bool = False  # its code takes more than 10 MB, and is loaded when somebody calls it

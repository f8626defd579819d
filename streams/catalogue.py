"""Everything that is computed from the declarations; nothing here is written by hand.

The lists are `processors.ALL` and `connectors.catalogue.CONNECTORS`. Light: what is named by a path in a declaration is
not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.functions import Function, by_name
from streams.processors import ALL
from streams.runtime.declaration import Declaration

FUNCTIONS: Mapping[str, Function] = MappingProxyType(by_name(*(each.functions for each in ALL)))
"""Every function that a definition can call."""

PROCESSORS: Mapping[str, Declaration] = MappingProxyType({each.name: each for each in ALL})
"""Every processor by name."""


def carried_out_by(function: str) -> Declaration:
    """The processor of a function; raises KeyError for one that is none."""
    return next(each for each in ALL if any(known.name == function for known in each.functions))


def workers() -> dict[str, tuple[str, ...]]:
    """The worker processes of a local system, and the processors that each hosts."""
    hosts: dict[str, tuple[str, ...]] = {}
    for each in ALL:
        hosts[each.worker] = (*hosts.get(each.worker, ()), each.name)
    return hosts

"""The hub as it is delivered: every connector of the catalogue, on the connections and the policy of a site.

The one place that loads the code of connectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module

from connectors.catalogue import CONNECTORS
from connectors.declaration import Declaration
from connectors.hub.connections import ApiOf, Connections, PagesOf, Source, undocumented
from connectors.hub.contract import AnyConnector
from connectors.hub.identity import IdentityOf, nobody
from connectors.hub.limits import LimitsOf
from connectors.hub.observer import Observer, unobserved
from connectors.hub.pipeline import USUAL, CallLimits, Hub, PausedFor, never_paused
from connectors.hub.policy import Policy
from connectors.hub.secrets import SecretsOf, no_secrets


def standard_hub(
    connections: Source | Mapping[str, str],
    *,
    allow_hosts: Sequence[str] = (),
    allow_private: bool = True,
    limits: CallLimits = USUAL,
    observe: Observer = unobserved,
    limits_of: LimitsOf | None = None,
    paused_s: PausedFor = never_paused,
    identity_of: IdentityOf = nobody,
    api_of: ApiOf = undocumented,
    pages_of: PagesOf = undocumented,
    secrets_of: SecretsOf = no_secrets,
    only: Sequence[Declaration] = CONNECTORS,
) -> Hub:
    """A hub with all connectors, or `only` some of them, whose code alone is loaded; what is large when it is called.

    `connections` are addresses by name, or what gives them as they are at the moment; calls that name one are trusted,
    all others are judged.
    """
    known = Connections(connections, identity_of, api_of, pages_of, secrets_of)
    policy = Policy(tuple(allow_hosts), allow_private)
    at_once = {each: made(each, known, policy) for each in only if not each.large}
    later = {each: partial(made, each, known, policy) for each in only if each.large}
    return Hub(at_once, policy, limits, observe, limits_of, paused_s, later)


def made(declaration: Declaration, connections: Connections, policy: Policy) -> AnyConnector:
    """Loads and makes a connector."""
    module, _, name = declaration.make.partition(":")
    connector: AnyConnector = getattr(import_module(module), name)(connections, policy)
    return connector

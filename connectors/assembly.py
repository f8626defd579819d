"""The hub as it is delivered: every connector there is, on the connections and the policy of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yarl import URL

from connectors.http.connector import HttpConnector
from connectors.hub.connections import Connections
from connectors.hub.pipeline import USUAL, CallLimits, Hub, Observer, unobserved
from connectors.hub.policy import Policy
from connectors.sql.connector import SqlConnector


def standard_hub(
    connections: Mapping[str, str],
    *,
    allow_hosts: Sequence[str] = (),
    allow_private: bool = True,
    limits: CallLimits = USUAL,
    observe: Observer = unobserved,
) -> Hub:
    """A hub with HTTP and SQL. `connections` are addresses by name; their hosts are trusted, all others are judged."""
    known = Connections(connections)
    policy = Policy(tuple(allow_hosts), allow_private, frozenset(_hosts(known)))
    return Hub([HttpConnector(known, policy), SqlConnector(known)], policy, limits, observe)


def _hosts(connections: Connections) -> list[str]:
    http = [url for url in connections.urls() if url.startswith(("http://", "https://"))]
    return [host for url in http if (host := URL(url).host)]

"""Top-level names of ours belong to nobody else: an installed package of the same name would win over the checkout."""

from __future__ import annotations

from importlib.metadata import packages_distributions

OURS = ("streams", "schemas", "connectors", "models", "infra")


def test_no_installed_distribution_claims_our_names() -> None:
    claimed = packages_distributions()
    foreign = {name: set(claimed.get(name, ())) - {"exlify"} for name in OURS}
    assert not {name: owners for name, owners in foreign.items() if owners}

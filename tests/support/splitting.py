"""How `make test` is split between two processes (pytest-xdist): whoever needs servers stays with others who do.

A broker, a site or a database is started once for a run, so the tests that share one run in one process, in their
order; all others go wherever there is time. The long groups begin first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

SITES = ("acceptance", "browser", "chaos")  # folders of tests that start whole sites, or find one
# Fixtures of `tests/conftest.py`.
SERVERS = frozenset({"kafka", "registry", "provider", "postgresql", "mariadb", "sftp", "rabbitmq", "dovecot"})


def pytest_configure(config: pytest.Config) -> None:
    """The processes of a split run are told of a terminal, which they have not."""
    if hasattr(config, "workerinput"):
        os.environ.pop("COLUMNS", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Says which tests stay together, where a run is split; puts them in front."""
    if not hasattr(config, "workerinput"):
        return
    groups = {item: group_of(item) for item in items}
    for item, group in groups.items():
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: groups[item] or "z")


def group_of(item: pytest.Item) -> str | None:
    """The group that a test runs in; None for one that may run anywhere."""
    if item.path.relative_to(item.config.rootpath).parts[1] in SITES:
        return "sites"
    fixtures: Iterable[str] = getattr(item, "fixturenames", ())
    return None if SERVERS.isdisjoint(fixtures) else "servers"

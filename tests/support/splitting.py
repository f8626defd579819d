"""How `make test` is split between two processes (pytest-xdist): whoever needs servers stays with others who do.

A broker, a site or a database is started once for a run, so the tests that share one run in one process, in their
order; all others go wherever there is time. The long groups begin first. Of a suite that is asked for by its mark
(`make crash ARGS="-n 3"`), each file goes to a process, which has servers of its own.

Told by the file of a test: xdist's own `loadgroup` tells it by the ids of tests, which pytest 9.2 no longer lets it
change, and then keeps nothing together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

SITES = ("acceptance", "browser", "chaos")  # folders of tests that start whole sites, or find one
BROKERS = ("integration", "crash", "hub")  # of those that start a broker, or find one
# Fixtures of `tests/conftest.py`, as a test takes them.
SERVERS = re.compile(r"\b(kafka|registry|provider|postgresql|mariadb|sftp|rabbitmq|dovecot|s3): ")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
    """Gives the tests of a group to one process, and any other test to whichever has time."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if not self.config.option.markexpr.startswith("not "):  # in hours, a broker for each process is soon worth it
            return file
        return group_of(self.config.rootpath / file) or nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Of a run that is split."""
    return Scheduling(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """The processes of a split run are told of a terminal, which they have not."""
    if hasattr(config, "workerinput"):
        os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the groups in front, where a run is split."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: group_of(item.path) or "z")


@cache
def group_of(file: Path) -> str | None:
    """The group of the tests in a file; None for those that may run anywhere."""
    folders: Sequence[str] = file.parts
    if not set(SITES).isdisjoint(folders):
        return "sites"
    return "servers" if not set(BROKERS).isdisjoint(folders) or SERVERS.search(file.read_text()) else None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that are no text are called by their argument: what is in them may be another in each process, such as the
    time in what gzip packs, and processes that know other tests do not begin."""
    return argname if isinstance(val, bytes) and not val.decode("latin-1").isprintable() else None

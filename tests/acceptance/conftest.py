"""One site for the acceptance suite, and the figures that its tests report at the end of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.site import Site, running
from tests.support import brokers

Report = Callable[..., None]
_FIGURES = pytest.StashKey[dict[str, dict[str, Any]]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, figures in config.stash.get(_FIGURES, {}).items():
        terminalreporter.write_line(f"{name}: {json.dumps(figures)}")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Takes figures by name, for the end of the run."""

    def note(**figures: float) -> None:
        request.config.stash.setdefault(_FIGURES, {})[request.node.name] = figures

    return note


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running site that the tests of this suite share; each brings events of its own."""
    folder = tmp_path_factory.mktemp("site")
    with brokers.chosen(folder).kafka() as bootstrap, running(bootstrap, folder) as started:
        yield started

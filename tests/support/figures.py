"""Figures that tests report: shown at the end of the run, one line of JSON for each test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Report = Callable[..., None]
_FIGURES = pytest.StashKey[dict[str, dict[str, Any]]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Takes figures by name."""

    def note(**figures: float) -> None:
        request.config.stash.setdefault(_FIGURES, {})[request.node.name] = figures

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Shows them."""
    for name, figures in config.stash.get(_FIGURES, {}).items():
        terminalreporter.write_line(f"{name}: {json.dumps(figures)}")

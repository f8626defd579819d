"""Figures that tests report: shown at the end of the run, one line of JSON for each test."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

Report = Callable[..., None]
_FIGURES = "figures"


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Takes figures by name."""

    def note(**figures: float) -> None:
        request.node.user_properties.append((_FIGURES, figures))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows them. They come with the reports of tests, also from a process of its own (`splitting`)."""
    for test in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, figures in getattr(test, "user_properties", ()):
            if name == _FIGURES:
                terminalreporter.write_line(f"{test.nodeid.rpartition('::')[2]}: {json.dumps(figures)}")

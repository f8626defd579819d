"""Commands that run in the tests' own process set up logging, to a standard error that is gone when they have ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Takes back what commands have set up, or the tests that come next would look for logs in vain."""
    handlers = [*logging.root.handlers]
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers

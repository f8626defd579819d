"""What is logged about data from outside does nothing to the terminal that shows it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.hostile import gets_through

PROGRAM = """
import logging, structlog
from streams.ground import logs
from streams.ground.settings import Settings
from tests.support.hostile import HOSTILE
logs.configure(Settings(log_format="FORM"))
try:
    raise ValueError(HOSTILE)
except ValueError:
    structlog.get_logger().exception("failed", key=HOSTILE, keys=[HOSTILE])
    logging.getLogger("library").exception("failed %r", HOSTILE)
    logging.getLogger("library").error(HOSTILE)
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_shows_what_it_would_otherwise_do(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("FORM", form)], capture_output=True, timeout=60, check=True
    )
    said = done.stderr.decode()
    assert said.count("RED") >= 5 and gets_through(said) == []

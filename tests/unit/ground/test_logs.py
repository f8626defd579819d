"""What is logged about data from outside does nothing to the terminal that shows it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.support.hostile import gets_through
from tests.support.waiting import PATIENCE_S

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
        [sys.executable, "-c", PROGRAM.replace("FORM", form)], capture_output=True, timeout=PATIENCE_S, check=True
    )
    said = done.stderr.decode()
    assert said.count("RED") >= 5 and gets_through(said) == []


def test_lines_of_libraries_look_as_ours_do_and_say_whose_they_are() -> None:
    """Such as those of the Kafka client, which speaks at every attempt while no broker answers."""
    program = PROGRAM.partition("try:")[0] + 'logging.getLogger("aiokafka.conn").error("no connection to %s", "b1")\n'
    text, document = (
        subprocess.run(
            [sys.executable, "-c", program.replace("FORM", form)], capture_output=True, text=True, timeout=PATIENCE_S
        )
        for form in ("text", "json")
    )
    assert re.fullmatch(r"\S+Z \[error    \] no connection to b1 +library=aiokafka\n", text.stderr)
    assert json.loads(document.stderr)["library"] == "aiokafka"

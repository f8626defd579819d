"""Programs of the suite that run beside it: they say where they are, and end with their parent."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.local.process import Launch, Process

LOOPBACK = "127.0.0.1"
LOOK_S = 0.05
PATIENCE_S = 60.0  # a bound on hanging, not a measure


def announce(path: Path, ports: Mapping[str, int]) -> None:
    """Writes ports by name, at once or not at all."""
    staged = path.with_suffix(".tmp")
    staged.write_text(json.dumps(ports))
    os.replace(staged, path)


@contextmanager
def running(module: str, told: Path, *arguments: str) -> Iterator[dict[str, int]]:
    """Runs a program; gives the ports that it announces in `told`."""
    process = Process(Launch((sys.executable, "-m", module, *arguments), told.with_suffix(".log")))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not told.exists():
            assert process.exit_code is None and time.monotonic() < deadline, f"{module} does not start"
            time.sleep(LOOK_S)
        yield json.loads(told.read_text())
    finally:
        process.kill()

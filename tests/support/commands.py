"""The command as users start it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.waiting import PATIENCE_S


def exlify(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environ, timeout=PATIENCE_S)

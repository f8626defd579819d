"""One readable stream out of many processes: each line with the name of the one that wrote it, and a file for each."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

COLOURS = (36, 33, 32, 35, 34, 31)
LOG_BYTES = 10 * 1024 * 1024
LOGS_KEPT = 2
OWN_NAME = "exlify"


class Console:
    """Writes lines to standard output, coloured on a terminal, and to `logs/<name>.log`."""

    def __init__(self, log_dir: Path, width: int) -> None:
        self._log_dir = log_dir
        self._width = width
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._files: dict[str, RotatingFileHandler] = {}
        log_dir.mkdir(parents=True, exist_ok=True)

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self.line(OWN_NAME, text)

    def line(self, name: str, text: str) -> None:
        """A line that the child `name` wrote."""
        print(f"{self._prefix(name)} {text}", flush=True)
        self._file(name).emit(logging.makeLogRecord({"msg": text}))

    def close(self) -> None:
        """Closes the files."""
        for handler in self._files.values():
            handler.close()

    def _prefix(self, name: str) -> str:
        text = f"{name:<{self._width}} |"
        if not self._coloured:
            return text
        return f"\x1b[{COLOURS[sum(name.encode()) % len(COLOURS)]}m{text}\x1b[0m"

    def _file(self, name: str) -> RotatingFileHandler:
        if name not in self._files:
            self._files[name] = RotatingFileHandler(
                self._log_dir / f"{name}.log", maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8"
            )
        return self._files[name]

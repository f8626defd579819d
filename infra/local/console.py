"""One readable stream out of many processes: each line with the name of the one that wrote it, and a file for each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

COLOURS = (36, 33, 32, 35, 34, 31)
LOG_BYTES = 10 * 1024 * 1024
LOGS_KEPT = 2
OWN_NAME = "exlify"


class Console:
    """Writes lines to standard output and to `logs/<name>.log`; `visible` makes any text harmless for a terminal."""

    def __init__(self, log_dir: Path, width: int, visible: Callable[[str], str], coloured: bool = False) -> None:
        self._log_dir = log_dir
        self._width = width
        self._visible = visible
        self._coloured = coloured
        self._files: dict[str, RotatingFileHandler] = {}
        log_dir.mkdir(parents=True, exist_ok=True)

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self.line(OWN_NAME, text)

    def line(self, name: str, text: str) -> None:
        """A line that the child `name` wrote."""
        shown = self._visible(text)
        print(f"{self._prefix(name)} {shown}", flush=True)
        self._file(name).emit(logging.makeLogRecord({"msg": shown}))

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

"""The one folder of everything that a local Exlify keeps: who uses it, whether it is ours, and where everything is.

`endpoints.json` in it is how the command line finds a running system; `supervisor.lock` is how one system keeps another
out of its folder and how `exlify down` finds it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local.errors import LocalError, check_disk, explain_os_error
from infra.local.locking import Busy, exclusive, holder

MARKER = "README"
MARKER_TEXT = "Data of a local Exlify. `exlify down` stops it, `exlify up --fresh` empties this folder.\n"
LOCK = "supervisor.lock"
ENDPOINTS = "endpoints.json"
RUN = "run"


class DataFolder:
    """A data folder; `occupied` makes it this process's until the context ends, or the process does."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._endpoints: dict[str, Any] = {}

    @property
    def holder(self) -> int | None:
        """The process whose system runs in this folder."""
        return holder(self.path / LOCK)

    @contextmanager
    def occupied(self, *, fresh: bool = False) -> Iterator[None]:
        """Holds the folder, emptied first if `fresh`.

        Raises LocalError where another system runs in it, where it may not be emptied because Exlify did not make it,
        and where its disk is full or not writable.
        """
        try:
            self._make()
            with exclusive(self.path / LOCK, wait=False):
                if fresh:
                    self._empty()
                check_disk(self.path)
                # Of a system that was killed: its addresses would be taken for those of an outside cluster.
                (self.path / ENDPOINTS).unlink(missing_ok=True)
                shutil.rmtree(self.path / RUN, ignore_errors=True)
                (self.path / RUN).mkdir()
                try:
                    yield
                finally:
                    (self.path / ENDPOINTS).unlink(missing_ok=True)
        except Busy:
            raise LocalError(
                f"{self.path}: an Exlify runs in this folder already (process {self.holder})."
                " Stop it with `exlify down`, or set EXLIFY_DATA_DIR to another folder."
            ) from None
        except OSError as error:
            raise explain_os_error(error, self.path) from error

    def port_file(self, name: str) -> Path:
        """Where the child `name` writes the addresses it listens on."""
        return self.path / RUN / f"{name}.json"

    def publish(self, addresses: Mapping[str, Any]) -> None:
        """Adds to `endpoints.json`; whoever reads it sees the whole old or the whole new content."""
        self._endpoints |= addresses
        staged = self.path / f"{ENDPOINTS}.new"
        staged.write_text(json.dumps(self._endpoints, indent=2) + "\n")
        os.replace(staged, self.path / ENDPOINTS)

    def _make(self) -> None:
        """Makes the folder, or takes an empty one; only such a folder is marked as ours."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not any(self.path.iterdir()):
            (self.path / MARKER).write_text(MARKER_TEXT)

    def _empty(self) -> None:
        marker = self.path / MARKER
        if not marker.exists() or marker.read_text() != MARKER_TEXT:
            raise LocalError(f"{self.path}: not emptied, because Exlify did not make it. Empty it yourself.")
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name not in (LOCK, MARKER):
                entry.unlink()

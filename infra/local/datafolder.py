"""The one folder of everything that a local Exlify keeps: who uses it, whether it is ours, and where everything is.

It holds data of the business, so nobody but this user enters it. `endpoints.json` in it is how the command line finds a
running system; `supervisor.lock` is how one system keeps another out of its folder and how `exlify down` finds it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local.errors import LocalError, check_disk, explain_os_error
from infra.local.locking import Busy, UnknownHolder, exclusive, holder
from infra.local.process import end

MARKER = "README"
MARKER_TEXT = "Data of a local Exlify. `exlify down` stops it, `exlify up --fresh` empties this folder.\n"
LOCK = "supervisor.lock"
ENDPOINTS = "endpoints.json"
RUN = "run"
PRIVATE = 0o700
_OTHERS = 0o077


class DataFolder:
    """A data folder; `occupied` makes it this process's until the context ends, or the process does."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._endpoints: dict[str, Any] = {}

    @property
    def holder(self) -> int | None:
        """The process whose system runs in this folder. Raises LocalError where its lock is held and nobody knows by
        whom."""
        try:
            return holder(self.path / LOCK)
        except UnknownHolder:
            raise LocalError(
                f"{self.path / LOCK}: held by a program that is no Exlify of this user. End it yourself"
                f" (`fuser {self.path / LOCK}` names it), or set EXLIFY_DATA_DIR to another folder."
            ) from None

    @property
    def contents(self) -> list[str]:
        """What there is to lose: the folders in it."""
        return sorted(each.name for each in self.path.iterdir() if each.is_dir()) if self.path.is_dir() else []

    def end_holder(self, grace_s: float) -> int | None:
        """Ends the system that runs in this folder, if there is one, and gives the process that it was.

        Asks first, and kills after `grace_s`; killing the supervisor ends its children with it. Raises LocalError for a
        folder of somebody else, and where the system does not end.
        """
        self._require_own()
        pid = self.holder
        if pid is not None and not end(pid, lambda: self.holder == pid, grace_s):
            raise LocalError(f"Process {pid} does not end. It may wait for a disk that does not answer.")
        return pid

    @contextmanager
    def occupied(self, *, fresh: bool = False, tell: Callable[[str], None] = lambda _: None) -> Iterator[None]:
        """Holds the folder, emptied first if `fresh`; `tell` hears that others could read it until now.

        Raises LocalError where another system runs in it, where it is somebody else's, where it may not be emptied
        because Exlify did not make it, and where its disk is full or not writable.
        """
        try:
            self._make()
            with exclusive(self.path / LOCK, wait=False):
                if fresh:
                    self._empty()
                if make_private(self.path):
                    tell(f"{self.path}: others could read what is in it until now; from here on only this user can.")
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
        staged.unlink(missing_ok=True)
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(self._endpoints, indent=2) + "\n")
        os.replace(staged, self.path / ENDPOINTS)

    def _require_own(self) -> None:
        """Whoever owns the folder decides what is found in it. Of root's, as volumes are, only what it gives us is."""
        if self.path.exists() and self.path.stat().st_uid not in (os.geteuid(), 0):
            raise LocalError(f"{self.path}: belongs to another user. Set EXLIFY_DATA_DIR to a folder of your own.")

    def _make(self) -> None:
        """Makes the folder, or takes an empty one; only such a folder is marked as ours."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(mode=PRIVATE, exist_ok=True)
        self._require_own()
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


def make_private(folder: Path) -> bool:
    """Takes a folder with all that is in it from everybody but its owner; False where it was so, or is not ours."""
    found = folder.stat()
    if not found.st_mode & _OTHERS or found.st_uid != os.geteuid():
        return False
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~_OTHERS)
    folder.chmod(found.st_mode & ~_OTHERS)
    return True

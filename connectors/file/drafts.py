"""A file while it is written: under another name, brought to the disk, and renamed.

Whoever looks sees the old one or the new one. Doing it twice is doing it once; the second time removes what the first
has left, if that was killed.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from connectors.file.content import MOST_DRAFTS, draft_name
from connectors.file.folders import place_of
from connectors.hub.contract import Refused
from schemas.reasons import Reason


class Draft:
    """A file that is not there yet; followed by `finish` or `give_up`. Used by one thread at a time."""

    def __init__(self, folder: Path, file: str, key: str) -> None:
        """Begins it, for the step with this key. Raises Refused, OSError."""
        self._place = place_of(folder, file)
        if self._place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        self._place.parent.mkdir(parents=True, exist_ok=True)
        number, self._file = _begun(self._place, key)
        self._draft, *self._left = (_named(self._place, key, each) for each in range(number, -1, -1))

    def write(self, content: bytes) -> None:
        """Adds to it. Raises OSError."""
        self._file.write(content)

    def finish(self) -> None:
        """From now on it is there, in place of one of its name. Raises OSError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self._place)
        self._tidy()

    def give_up(self) -> None:
        """Leaves nothing of it; does nothing where it is finished."""
        with suppress(OSError):
            self._file.close()  # what is not written yet may fail
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)
        self._tidy()

    def _tidy(self) -> None:
        """Removes what earlier tries have left."""
        while self._left:
            with suppress(OSError):
                self._left.pop().unlink(missing_ok=True)


def _begun(place: Path, key: str) -> tuple[int, BinaryIO]:
    """The first that nobody has, and its number."""
    for number in range(MOST_DRAFTS):
        with suppress(FileExistsError):
            return number, _named(place, key, number).open("xb")
    raise Refused(Reason.CONFLICT, "too many write this file for the same step; remove the drafts beside it")


def _named(place: Path, key: str, number: int) -> Path:
    return place.with_name(draft_name(place.name, key, number))

"""Folders that the site names, and what is in them: no file is outside of its folder, by no name and no link."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from connectors.hub.connections import Connections
from connectors.hub.contract import Refused
from schemas.reasons import Reason

NOT_THERE = "the folder is not there"
_REASONS = {
    errno.ENOENT: (Reason.NOT_FOUND, "there is no such file"),
    errno.EISDIR: (Reason.INPUT_INVALID, "it is a folder"),
    errno.ENOTDIR: (Reason.INPUT_INVALID, "a part of its path is a file"),
    errno.EEXIST: (Reason.INPUT_INVALID, "a part of its path is a file"),
    errno.ENAMETOOLONG: (Reason.INPUT_INVALID, "its name is too long"),
    errno.EACCES: (Reason.FORBIDDEN, "this process may not do that there"),
    errno.EPERM: (Reason.FORBIDDEN, "this process may not do that there"),
    errno.EROFS: (Reason.FORBIDDEN, "the folder is read-only"),
}


def folder_of(name: str, connections: Connections) -> Path:
    """The folder that a connection, by its folded name, is. Raises Refused."""
    parts = urlsplit(connections.url(name))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise Refused(Reason.MISCONFIGURED, f"connection {name} is no folder; write file:///srv/exchange")
    return Path(unquote(parts.path))


def place_of(folder: Path, file: str) -> Path:
    """Where the file is, links followed: never outside of the folder. Raises Refused."""
    try:
        place = (folder / file).resolve()
    except RuntimeError:  # as the library tells of it
        raise Refused(Reason.POLICY_DENIED, "a link leads to itself") from None
    if not place.is_relative_to(folder.resolve()):
        raise Refused(Reason.POLICY_DENIED, "a link leads out of the folder")
    return place


def opened(folder: Path, file: str) -> BinaryIO:
    """A file to be read. Raises Refused, OSError."""
    found = open(place_of(folder, file), "rb", opener=_at_once)  # noqa: SIM115  # whoever asks closes it
    if not stat.S_ISREG(os.fstat(found.fileno()).st_mode):
        found.close()
        raise Refused(Reason.INPUT_INVALID, "it is no file")
    return found


def explained(error: OSError) -> tuple[Reason, str]:
    """What it means that a file cannot be read or written."""
    return _REASONS.get(error.errno or 0, (Reason.REMOTE_FAULT, error.strerror or "it fails"))


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for somebody to write to it

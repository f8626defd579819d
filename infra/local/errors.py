"""Failures of the local infrastructure that are meant for people: one line with place, reason and remedy."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

LOW_DISK_BYTES = 256 * 1024 * 1024


class LocalError(Exception):
    """A server, a file or a folder that is needed cannot be had; the text is the whole message for the user."""


def disk_full(folder: Path) -> LocalError:
    """The message for a disk that has no room left for `folder`."""
    return LocalError(f"{folder}: the disk is full. Free at least {LOW_DISK_BYTES >> 20} MiB there and start again.")


def check_disk(folder: Path) -> None:
    """Raises LocalError where fewer than LOW_DISK_BYTES are free: a broker that runs into a full disk stops at once."""
    if shutil.disk_usage(folder).free < LOW_DISK_BYTES:
        raise disk_full(folder)


def explain_os_error(error: OSError, folder: Path) -> LocalError:
    """The message for an operating system error while `folder` was being written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return LocalError(
            f"{error.filename or folder}: a file stands where a folder is needed. Set EXLIFY_DATA_DIR to a folder."
        )
    return LocalError(f"{error.filename or folder}: {error.strerror or error}. Let this user write there.")

"""What went wrong on the way to a server or on it: a reason, and words without names of files or users."""

from __future__ import annotations

import asyncssh

from schemas.reasons import Reason

_SFTP: tuple[tuple[tuple[type[Exception], ...], Reason, str], ...] = (
    ((asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath), Reason.NOT_FOUND, "there is no such file or folder"),
    ((asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect), Reason.FORBIDDEN, "the user may not do that there"),
    ((asyncssh.SFTPFileIsADirectory,), Reason.INPUT_INVALID, "it is a folder"),
    ((asyncssh.SFTPNotADirectory,), Reason.INPUT_INVALID, "a part of its name is a file, and no folder"),
    ((asyncssh.SFTPInvalidFilename,), Reason.INPUT_INVALID, "the server takes no such name"),
    ((asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded), Reason.REMOTE_FAULT, "there is no room left"),
    ((asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost), Reason.UNREACHED, "the connection broke"),
    ((asyncssh.SFTPOpUnsupported,), Reason.UNSUPPORTED, "the server cannot do that in one step"),
    ((asyncssh.SFTPError,), Reason.REMOTE_FAULT, "the server could not do it"),
)
_SSH: tuple[tuple[tuple[type[Exception], ...], Reason, str], ...] = (
    (
        (asyncssh.HostKeyNotVerifiable,),
        Reason.MISCONFIGURED,
        "the key of the server is none of those that are pinned; ask its owner before `hostKey` is changed",
    ),
    (
        (asyncssh.PermissionDenied,),
        Reason.CONNECTION_STALE,
        "the server takes neither the user nor its key or password",
    ),
    (
        (asyncssh.KeyExchangeFailed,),
        Reason.MISCONFIGURED,
        "there is no common way to encrypt, or the server has no key of a pinned kind",
    ),
    ((asyncssh.ChannelOpenError,), Reason.REMOTE_FAULT, "the server does not offer SFTP"),
    ((asyncssh.Error, ConnectionError), Reason.UNREACHED, "the connection broke"),
    ((OSError,), Reason.UNREACHED, "the server cannot be reached"),
)
FAILURES = (asyncssh.SFTPError, asyncssh.Error, OSError)


def explained(error: BaseException) -> tuple[Reason, str]:
    """The reason and the words for one of FAILURES."""
    for kinds, reason, what in (*_SFTP, *_SSH):
        if isinstance(error, kinds):
            return reason, what
    raise AssertionError("it is one of them")


def broke(error: BaseException) -> bool:
    """Whether the connection ended, so that nobody knows what became of what was asked last."""
    return not isinstance(error, asyncssh.SFTPError) or explained(error)[0] is Reason.UNREACHED

"""What is done on a connection: a file read, written, listed or moved, never outside of the folder of the connection.

A file is written under another name, brought to the disk where the server can do that, and renamed: whoever looks sees
the old one or the new one. Until it is renamed nothing has changed that anybody looks at; what a try has left that was
killed, the next one removes.
"""

from __future__ import annotations

import hashlib
import posixpath
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import asyncssh

from connectors.codecs.records import Format
from connectors.file.content import MAX_READ_BYTES, MOST_DRAFTS, content_read, draft_name
from connectors.hub.contract import Refused
from connectors.sftp.failures import FAILURES, broke
from schemas.payload import Json
from schemas.reasons import Reason
from schemas.times import rfc3339

MAX_FILES = 1_000


class FolderMissingError(Exception):
    """The folder of the connection is not there."""


@dataclass(slots=True)
class Progress:
    """How far a call has come, for who has to say whether something has changed."""

    changing: bool = False


@dataclass(frozen=True, slots=True)
class Get:
    """A file to be read."""

    file: str
    format: Format | None

    async def done(self, client: asyncssh.SFTPClient, folder: str, progress: Progress) -> Json:
        """What is in it."""
        root = await _root(client, folder)
        path = _text(await client.realpath(posixpath.join(root, self.file)))
        if not _is_below(path, root):
            raise Refused(Reason.POLICY_DENIED, "a link leads out of the folder")
        if not stat.S_ISREG((await client.stat(path)).permissions or stat.S_IFREG):
            raise Refused(Reason.INPUT_INVALID, "it is no file")
        return content_read(await _content(client, path, MAX_READ_BYTES), self.format)


@dataclass(frozen=True, slots=True)
class Put:
    """A file to be written."""

    file: str
    content: bytes = field(repr=False)
    records: int | None
    replaces: bool
    key: str  # of the step

    async def done(self, client: asyncssh.SFTPClient, folder: str, progress: Progress) -> Json:
        """Its name, size and hash."""
        root = await _root(client, folder)
        parent, name = await _made(client, root, posixpath.dirname(self.file)), posixpath.basename(self.file)
        target = posixpath.join(parent, name)
        if self.replaces or not await self._is_there(client, target):
            await self._written(client, target, progress)
        else:
            await self._tidied(client, target)
        told: dict[str, Json] = {
            "file": self.file,
            "bytes": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }
        return told if self.records is None else {**told, "records": self.records}

    async def _written(self, client: asyncssh.SFTPClient, target: str, progress: Progress) -> None:
        number, file = await self._draft(client, target)
        drafts = [self._draft_at(target, each) for each in range(number, -1, -1)]
        try:
            async with file:
                await file.write(self.content)
                with suppress(asyncssh.SFTPOpUnsupported):
                    await file.fsync()
            progress.changing = True
            if self.replaces:
                await client.posix_rename(drafts[0], target)
            else:
                await client.rename(drafts[0], target)
        except FAILURES as error:
            if broke(error):
                raise
            progress.changing = False  # the server says that it has not
            await _removed(client, drafts)
            if not self.replaces and await self._is_there(client, target):
                return
            raise
        await _removed(client, drafts[1:])

    async def _draft(self, client: asyncssh.SFTPClient, target: str) -> tuple[int, Any]:
        """The first that nobody has, and its number."""
        vanished = False
        for number in range(MOST_DRAFTS):
            path = self._draft_at(target, number)
            try:
                return number, await client.open(path, "xb")
            except asyncssh.SFTPError as error:  # older servers have no better word for a file that is there
                if broke(error):
                    raise
                if not await _exists(client, path):
                    if vanished:
                        raise
                    vanished = True  # whoever had it may be through with it
        raise Refused(Reason.CONFLICT, "too many write this file for the same step; remove the drafts beside it")

    async def _tidied(self, client: asyncssh.SFTPClient, target: str) -> None:
        """Without what a try has left that was killed when the file was there already."""
        with suppress(asyncssh.SFTPError):
            for number in range(MOST_DRAFTS):
                await client.remove(self._draft_at(target, number))

    def _draft_at(self, target: str, number: int) -> str:
        return posixpath.join(posixpath.dirname(target), draft_name(posixpath.basename(target), self.key, number))

    async def _is_there(self, client: asyncssh.SFTPClient, target: str) -> bool:
        """Whether it was written before, by whoever; raises Refused where the file is another one."""
        try:
            found = await client.lstat(target)
        except asyncssh.SFTPNoSuchFile:
            return False
        alike = found.size == len(self.content) and stat.S_ISREG(found.permissions or 0)
        if alike and await _content(client, target, len(self.content)) == self.content:
            return True
        raise Refused(Reason.ALREADY_DONE, "there is a file of this name with another content")


@dataclass(frozen=True, slots=True)
class List:
    """Files to be told of."""

    folder: str
    match: str

    async def done(self, client: asyncssh.SFTPClient, folder: str, progress: Progress) -> Json:
        """Their names, sizes and times, by name."""
        root = await _root(client, folder)
        path = _text(await client.realpath(posixpath.join(root, self.folder)))
        if not _is_below(path, root):
            raise Refused(Reason.POLICY_DENIED, "a link leads out of the folder")
        found: list[Json] = []
        async for each in client.scandir(path):
            name = _text(each.filename)
            if name.startswith(".") or not fnmatchcase(name, self.match):
                continue
            if not stat.S_ISREG(each.attrs.permissions or 0):
                continue
            if len(found) == MAX_FILES:
                raise Refused(Reason.REPLY_TOO_LARGE, f"more than {MAX_FILES} files; narrow them with `match`")
            modified = rfc3339((each.attrs.mtime or 0) * 1_000)
            file = posixpath.join(self.folder, name)
            found.append({"file": file, "bytes": each.attrs.size or 0, "modifiedAt": modified})
        return {"files": sorted(found, key=_file), "count": len(found)}


@dataclass(frozen=True, slots=True)
class Move:
    """A file to be moved."""

    file: str
    to: str

    async def done(self, client: asyncssh.SFTPClient, folder: str, progress: Progress) -> Json:
        """Whether it was moved now; else it is there already."""
        root = await _root(client, folder)
        source = await _place(client, root, self.file)
        target = posixpath.join(await _made(client, root, posixpath.dirname(self.to)), posixpath.basename(self.to))
        if not await _exists(client, source):
            if await _exists(client, target):
                return {"file": self.to, "moved": False}
            raise Refused(Reason.NOT_FOUND, "there is no such file, and none of its new name")
        if await _exists(client, target):
            raise Refused(Reason.ALREADY_DONE, "there is a file of its new name")
        progress.changing = True
        try:
            await client.rename(source, target)
        except asyncssh.SFTPError as error:
            if broke(error):
                raise
            progress.changing = False
            if await _exists(client, source):
                raise
            return {"file": self.to, "moved": False}  # somebody else was first
        return {"file": self.to, "moved": True}


Work = Get | Put | List | Move


async def _removed(client: asyncssh.SFTPClient, files: Sequence[str]) -> None:
    """Without them: those that are there are gone, as far as the server lets us."""
    for each in files:
        with suppress(*FAILURES):
            await client.remove(each)


async def _root(client: asyncssh.SFTPClient, folder: str) -> str:
    try:
        root = _text(await client.realpath(folder))
        if not stat.S_ISDIR((await client.stat(root)).permissions or 0):
            raise FolderMissingError
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        raise FolderMissingError from None
    return root


async def _place(client: asyncssh.SFTPClient, root: str, file: str) -> str:
    """Where a file is whose folder has to be there."""
    parent = _text(await client.realpath(posixpath.join(root, posixpath.dirname(file))))
    if not _is_below(parent, root):
        raise Refused(Reason.POLICY_DENIED, "a link leads out of the folder")
    return posixpath.join(parent, posixpath.basename(file))


async def _made(client: asyncssh.SFTPClient, root: str, folder: str) -> str:
    """A folder below the root, made where it is not there; no link on the way leads out."""
    at = root
    for part in filter(None, folder.split("/")):
        path = posixpath.join(at, part)
        if not await _exists(client, path):
            try:
                await client.mkdir(path)
            except asyncssh.SFTPError:
                if not await _exists(client, path):  # somebody else may have made it meanwhile
                    raise
        at = _text(await client.realpath(path))
        if not _is_below(at, root):
            raise Refused(Reason.POLICY_DENIED, "a link leads out of the folder")
    return at


async def _content(client: asyncssh.SFTPClient, path: str, most: int) -> bytes:
    """Up to a byte more."""
    async with client.open(path, "rb") as file:
        content: Any = await file.read(most + 1)
    return bytes(content)


async def _exists(client: asyncssh.SFTPClient, path: str) -> bool:
    try:
        await client.lstat(path)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return False
    return True


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _text(name: object) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)


def _file(listed: Json) -> str:
    return str(listed["file"]) if isinstance(listed, dict) else ""
